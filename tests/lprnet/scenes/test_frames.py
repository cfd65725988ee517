import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from lprnet.data.photographs import Photograph
from lprnet.scenes.frames import LONGEST, paint_over, read_frames, read_pictures, recolour, split_by_ride


def _folder(tmp_path: Path) -> Path:
    with (tmp_path / "labels.jsonl").open("w") as file:
        for name, ride in (("a.png", "day"), ("b.png", "day"), ("c.png", "night")):
            cv2.imwrite(str(tmp_path / name), np.full((540, 1920, 3), 80, np.uint8))
            plates = [{"box": [100, 50, 60, 20]}]
            print(json.dumps({"file": name, "ride": ride, "plates": plates}), file=file)
    return tmp_path


def test_frames_of_held_out_rides_are_not_read(tmp_path: Path) -> None:
    frames = read_frames(_folder(tmp_path), ["night"])
    assert len(frames) == 2
    assert frames[0].image.shape == (270, LONGEST, 3)
    assert frames[0].boxes.tolist() == [[50, 25, 80, 35]]
    with pytest.raises(FatalError, match="hold out one of day, night"):
        read_frames(tmp_path, ["dusk"])


def test_a_split_loses_nothing() -> None:
    photographs = [Photograph(path=Path(str(i)), plates=(), ride=f"ride {i % 3}") for i in range(9)]
    kept, held_out = split_by_ride(photographs, ["ride 1"])
    assert len(kept) == 6 and {p.ride for p in held_out} == {"ride 1"}
    assert split_by_ride(photographs, []) == (photographs, [])


def test_a_painted_over_plate_is_gone() -> None:
    image = np.full((80, 120, 3), (60, 90, 120), np.uint8)
    image[30:50, 40:100] = 255
    image[34:46, 44:96:3] = 0
    paint_over(np.random.default_rng(1), image, np.array([40, 30, 100, 50], np.float32))
    assert np.abs(image.astype(int) - (60, 90, 120)).max() < 30


def test_boxes_at_the_edge_are_painted_over_without_error() -> None:
    for box in ([-5, -5, 10, 4], [110, 70, 130, 90], [0, 0, 120, 80], [500, 500, 510, 505]):
        image = np.full((80, 120, 3), 90, np.uint8)
        paint_over(np.random.default_rng(1), image, np.array(box, np.float32))


def test_recolouring_takes_a_cast_off() -> None:
    image = np.full((20, 20, 3), (150, 60, 150), np.uint8)
    spreads = [np.ptp(recolour(np.random.default_rng(i), image).mean((0, 1))) for i in range(20)]
    assert np.median(spreads) < 50


def test_pictures_are_shrunk(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((2000, 400, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((30, 40, 3), np.uint8))
    assert [p.shape for p in read_pictures(tmp_path)] == [(LONGEST, 192, 3), (30, 40, 3)]
