import numpy as np
import pytest

from lprnet.scenes.backdrop import draw_backdrop, texture
from lprnet.scenes.distractors import clock, distract
from lprnet.scenes.light import bent, light_plate, take


@pytest.mark.parametrize("size", [(96, 160), (256, 256), (40, 64)])
def test_distractors_stay_on_the_canvas(size: tuple[int, int]) -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        canvas = np.full((*size, 3), 120, np.uint8)
        center = rng.uniform(-20, [size[1] + 20, size[0] + 20]).astype(np.float32)
        distract(rng, canvas, center, rng.uniform(8, 200))
        clock(rng, canvas)
        assert canvas.shape == (*size, 3) and canvas.std() > 0


def test_mined_patches_fade_into_the_scene() -> None:
    found = (np.full((144, 240, 3), 255, np.uint8),)
    met = 0
    for seed in range(24):
        canvas = np.full((200, 320, 3), 60, np.uint8)
        distract(np.random.default_rng(seed), canvas, np.array([160, 100], np.float32), 80, found)
        steps = np.abs(np.diff(canvas.astype(int), axis=1)).max()
        met += bool(canvas.max() > 100 and canvas[:, :60].max() == 60 and steps < 25)
    assert met >= 4


def test_backdrops_differ() -> None:
    pictures = [draw_backdrop(np.random.default_rng(i), 64, 96) for i in range(8)]
    assert all(picture.shape == (64, 96, 3) and picture.dtype == np.uint8 for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) == 8


def test_texture_of_any_size() -> None:
    for height, width in ((10, 20), (512, 512), (600, 700)):
        part = texture(np.random.default_rng(1), height, width, 2)
        assert part.shape == (height, width, 3) and abs(float(part.mean())) < 1


def test_light_and_camera_keep_shape_and_leave_something_to_see() -> None:
    picture = draw_backdrop(np.random.default_rng(1), 96, 160)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        seen = take(rng, light_plate(rng, picture))
        assert seen.shape == picture.shape and seen.dtype == np.uint8 and seen.std() > 1
    untouched = take(np.random.default_rng(1), picture.copy(), 0)
    assert np.abs(untouched.astype(int) - picture).max() <= 1


def test_a_bent_plate_keeps_its_corners() -> None:
    face = np.zeros((60, 180, 3), np.uint8)
    face[20:40, ::20] = 255
    face[:3, :3], face[:3, -3:], face[-3:, :3], face[-3:, -3:] = 200, 200, 200, 200
    differing = 0
    for seed in range(8):
        moved = bent(np.random.default_rng(seed), face)
        assert moved.shape == face.shape and (moved[[0, 0, -1, -1], [0, -1, 0, -1]] > 100).all()
        differing += bool((moved != face).any())
    assert differing == 8
