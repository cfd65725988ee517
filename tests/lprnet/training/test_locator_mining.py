from pathlib import Path

import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.locate.decode import CHANNELS, CORNERS, SCORE, STRIDE, VIEW_CHANNELS, VIEW_SCORE, Floats
from device_runtime.locate.locator import Locator
from lprnet.scenes.frames import Frame
from lprnet.scenes.scene import Image
from lprnet.training.locator_mining import (
    HEIGHT,
    WIDTH,
    completed,
    mine,
    painted,
    read_patches,
    write_patches,
)


def _red(image: Image) -> Floats:
    """A network that takes what is red for plates, a unit wide and a third as high."""
    output = np.zeros((CHANNELS, image.shape[0] // STRIDE, image.shape[1] // STRIDE), np.float32)
    red = image[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
    output[SCORE] = np.where((red[:, :, 2] > 150) & (red[:, :, 0] < 100), 3, -9)
    output[CORNERS] = np.array([-0.5, -0.16, 0.5, -0.16, 0.5, 0.16, -0.5, 0.16])[:, None, None]
    return output


def _agrees(view: Image) -> Floats:
    """A second look that takes everything for a plate, with its corners where they should be."""
    output = np.zeros((VIEW_CHANNELS, 16, 32), np.float32)
    output[VIEW_SCORE] = 3
    for corner, (x, y) in enumerate(((5, 4), (26, 4), (26, 11), (5, 11))):
        output[corner, y, x] = 20
    return output


LOCATOR = Locator(find=_red, refine=_agrees)


def test_false_boxes_are_cut_out_with_their_surroundings() -> None:
    image = np.full((320, 320, 3), 90, np.uint8)
    image[150:166, 150:182] = (0, 0, 255)
    patches = mine(LOCATOR, [image, np.full_like(image, 90)], 0.5, 10)
    assert len(patches) == 1
    score, patch = patches[0]
    assert score > 0.9 and patch.shape == (HEIGHT, WIDTH, 3)
    red = (patch[:, :, 2] > 200) & (patch[:, :, 0] < 60)
    y, x = np.nonzero(red)
    assert abs(x.mean() - WIDTH / 2) < 30 and abs(y.mean() - HEIGHT / 2) < 30
    assert 0.3 * WIDTH < np.ptp(x) < 0.7 * WIDTH


def test_the_surest_are_kept_and_boxes_at_the_edge_are_not() -> None:
    image = np.full((320, 320, 3), 90, np.uint8)
    for y in (60, 160, 250):
        image[y : y + 16, 150:182] = (0, 0, 255)
    assert len(mine(LOCATOR, [image], 0.5, 2)) == 2
    edge = np.full((320, 320, 3), 90, np.uint8)
    edge[0:16, 0:24] = (0, 0, 255)
    assert mine(LOCATOR, [edge], 0.5, 2) == []


def test_what_is_found_beside_the_labels_is_doubtful_and_painted_over_too() -> None:
    image = np.full((320, 320, 3), 90, np.uint8)
    image[104:112, 104:112] = image[200:208, 200:208] = (0, 0, 255)
    (frame,) = completed(LOCATOR, [Frame(image, np.array([[92, 103, 124, 113]], np.float32))], 0.5)
    assert len(frame.boxes) == 1 and len(frame.doubtful) == 1
    assert np.abs(frame.doubtful[0] - [188, 199, 220, 209]).max() < 5
    assert painted([frame], 1)[0][:, :, 2].max() < 150


def test_plates_of_frames_are_painted_over_alike_each_time() -> None:
    image = np.full((100, 200, 3), 90, np.uint8)
    image[40:60, 80:140] = 255
    frame = Frame(image, np.array([[80, 40, 140, 60]], np.float32))
    (first,), (second,) = painted([frame], 3), painted([frame], 3)
    assert np.array_equal(first, second) and first.max() < 150 and image.max() == 255


def test_patches_come_back_from_a_file(tmp_path: Path) -> None:
    patches = [
        (0.9, np.full((HEIGHT, WIDTH, 3), 7, np.uint8)),
        (0.5, np.full((HEIGHT, WIDTH, 3), 9, np.uint8)),
    ]
    write_patches(tmp_path / "a.npz", patches)
    again = read_patches(tmp_path / "a.npz")
    assert len(again) == 2 and all(np.array_equal(a, b) for a, (_, b) in zip(again, patches, strict=True))
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:100])
    with pytest.raises(FatalError, match="damaged"):
        read_patches(tmp_path / "b.npz")
    with pytest.raises(FatalError, match="No such file"):
        read_patches(tmp_path / "c.npz")
