from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from lprnet.data.photographs import read_photographs
from lprnet.plates import render
from lprnet.scenes.face import stacked
from lprnet.scenes.pictures import Request, known_kinds, plate_of, read_crops, write_pictures

SIZE = (480, 320)


def test_pictures_are_what_their_labels_say(tmp_path: Path) -> None:
    request = Request(3, SIZE, kinds=("blue", "yellow-double", "us"))
    files = list(write_pictures(tmp_path, request, 4))
    photographs = read_photographs(tmp_path)
    assert [photograph.path for photograph in photographs] == files
    for number, photograph in enumerate(photographs):
        scene = request.picture(number)
        image = photograph.read()
        assert image.shape == (320, 480, 3)
        assert np.abs(image.astype(int) - scene.image).mean() < 6
        assert len(photograph.plates) == len(scene.plates) >= 1
        for label, plate in zip(photograph.plates, scene.plates, strict=True):
            assert label.text == plate.text != ""
            assert label.corners is not None
            assert np.allclose(label.corners, plate.corners, atol=0.01)
            assert np.allclose(label.box, [*plate.corners.min(0), *plate.corners.max(0)], atol=0.02)
    assert photographs[1].plates[0].text == request.picture(1).plates[0].text


def test_kinds_take_turns() -> None:
    request = Request(1, SIZE, kinds=("blue", "yellow-double"))
    assert [request.picture(i).plates[0].kind for i in range(4)] == ["blue", "yellow-double"] * 2
    assert [request.picture(i).plates[0].rows for i in range(2)] == [1, 2]


@pytest.mark.parametrize("kind", ["chinese", "eu", "police", "us", "japan"])
def test_any_known_kind_is_rendered(kind: str) -> None:
    assert kind in known_kinds()
    face = plate_of(np.random.default_rng(1), kind)
    assert face.text and face.kind and face.image.ndim == 3


def _crops(folder: Path) -> Path:
    for index in range(3):
        crop = render(5, index, 0, "blue")
        cv2.imencode(".png", crop.image)[1].tofile(folder / f"{crop.text}.png")
    return folder


def test_crops_take_the_place_of_rendered_plates(tmp_path: Path) -> None:
    crops = read_crops(_crops(tmp_path))
    request = Request(3, SIZE, crops=crops, turn=10)
    pictures = [request.picture(i) for i in range(4)]
    assert [scene.plates[0].text for scene in pictures] == [crops[i].text for i in (0, 1, 2, 0)]
    assert all(len(scene.plates) == 1 and scene.plates[0].rows == 1 for scene in pictures)


def test_stacked_crops_have_two_rows(tmp_path: Path) -> None:
    plate = np.zeros((20, 100, 3), np.uint8)
    plate[:, 34:] = 255
    two = stacked(plate, 0.34)
    assert two.shape == (66, 132, 3)
    assert (two[:24] == 0).all() and (two[26:] == 255).all()
    crops = read_crops(_crops(tmp_path), 0.34)
    assert {crop.rows for crop in crops} == {2}
    assert Request(3, SIZE, crops=crops).picture(0).plates[0].rows == 2


def test_crops_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="no such folder"):
        read_crops(tmp_path / "none")
    with pytest.raises(FatalError, match="holds no images"):
        read_crops(tmp_path)
    cv2.imwrite(str(tmp_path / "-1.png"), np.zeros((20, 60, 3), np.uint8))
    with pytest.raises(FatalError, match="holds no text"):
        read_crops(tmp_path)
    (tmp_path / "-1.png").unlink()
    cv2.imwrite(str(tmp_path / "A1.png"), np.zeros((4, 60, 3), np.uint8))
    with pytest.raises(FatalError, match="smaller than 8 pixels"):
        read_crops(tmp_path)
