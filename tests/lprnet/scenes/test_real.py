from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from lprnet.plates.plate import Plate, random_plate
from lprnet.scenes.placing import stamp, tilted
from lprnet.scenes.real import face_of, read_faces
from lprnet.scenes.scene import Image, floats
from lprnet.scenes.stock import COARSEST, Stock


def _crop(plate: Plate, seed: int, reach: float = 1.0) -> Image:
    """A crop of *plate*; with less *reach* its sides are cut off."""
    rng = np.random.default_rng(seed)
    corners = tilted(rng, 250, 80, 0.2)
    low, high = corners.min(0) - 4, corners.max(0) + 4
    canvas = np.full((int(high[1] - low[1]), int(high[0] - low[0]), 3), 150, np.uint8)
    stamp(canvas, plate.image, corners - floats(low))
    cut = round((1 - reach) * canvas.shape[1] / 2)
    return canvas[:, cut : canvas.shape[1] - cut]


def test_a_face_is_the_plate_from_the_front() -> None:
    found = 0
    # Of 24 plates one or two are so dark or bright that they correlate with 0.7 only.
    for seed in range(4, 10):
        plate = random_plate(np.random.default_rng(seed), "blue")
        face = face_of(_crop(plate, seed), plate.text)
        if face is None:
            continue
        found += 1
        assert (face.rows, face.text, face.kind) == (1, plate.text, "blue")
        height, width = face.image.shape[:2]
        assert 2.8 < width / height < 3.7
        pair = [
            cv2.GaussianBlur(i[:, :, 2], (0, 0), 3)
            for i in (cv2.resize(plate.image, (width, height)), face.image)
        ]
        assert np.corrcoef(pair[0].ravel(), pair[1].ravel())[0, 1] > 0.8
    assert found >= 3


def test_a_plate_that_is_cut_off_or_reads_otherwise_is_no_face() -> None:
    plate = random_plate(np.random.default_rng(1), "blue")
    assert face_of(_crop(plate, 1, 0.85), plate.text) is None
    assert face_of(np.full((60, 200, 3), 90, np.uint8), plate.text) is None
    assert face_of(_crop(plate, 1)[::2, ::4], plate.text) is None


def test_faces_of_a_folder_go_into_a_stock(tmp_path: Path) -> None:
    for seed in range(6):
        plate = random_plate(np.random.default_rng(seed), "blue")
        cv2.imencode(".png", _crop(plate, seed))[1].tofile(tmp_path / f"{plate.text}.png")
    faces = read_faces(tmp_path, most=2)
    assert len(faces) == 2
    stock = Stock(1, count=20, real=faces, from_real=1.0)
    rng = np.random.default_rng(1)
    texts = {face.text for face in faces}
    drawn = [stock.random_face(rng, 60) for _ in range(20)]
    assert {face.text for face in drawn} == texts
    assert {face.rows for face in drawn} == {1, 2}
    assert all((face.image.shape[1] < 2.6 * face.image.shape[0]) == (face.rows == 2) for face in drawn)
    # With two rows they are wider.
    coarse = COARSEST * 1.5 * max(face.image.shape[1] for face in faces)
    assert not any(stock.random_face(rng, coarse).text in texts for _ in range(10))


def test_a_folder_without_sure_plates_is_one_line(tmp_path: Path) -> None:
    cv2.imencode(".png", np.full((24, 94, 3), 90, np.uint8))[1].tofile(tmp_path / "皖A12345.png")
    with pytest.raises(FatalError, match="shows no plate's rim"):
        read_faces(tmp_path)
