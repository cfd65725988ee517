from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from device_runtime.errors import FatalError
from lprnet.scenes.drive import FPS, random_drive, write_drives
from lprnet.scenes.scene import width_of

SIZE = (320, 180)


def test_a_plate_goes_its_way_and_frames_are_reproducible() -> None:
    drive = random_drive(3, 0, SIZE)
    assert len(drive.cars) == 1 and 2 * FPS <= drive.frames <= 5 * FPS
    seen = [scene.plates for scene in (drive.frame(n) for n in (0, drive.frames // 3)) if scene.plates]
    assert {plate.text for plates in seen for plate in plates} == {drive.cars[0].face.text}
    first, last = (width_of(drive.cars[0].corners(drive.view, SIZE[0] / 0.5, share)) for share in (0, 1))
    assert max(first, last) > 1.8 * min(first, last)
    again = random_drive(3, 0, SIZE)
    assert np.array_equal(drive.frame(5).image, again.frame(5).image)
    assert not np.array_equal(drive.frame(5).image, drive.frame(6).image)


def test_every_third_drive_has_two_cars_side_by_side() -> None:
    drives = [random_drive(3, n, SIZE) for n in range(3)]
    assert [len(drive.cars) for drive in drives] == [1, 1, 2]
    one, other = drives[2].cars
    assert one.lane * other.lane < 0 and one.face.text != other.face.text


def test_videos_and_their_labels(tmp_path: Path) -> None:
    written = list(write_drives(tmp_path / "drives", 3, SIZE, 1))
    (label,) = map(msgspec.json.decode, (tmp_path / "drives" / "labels.jsonl").read_bytes().splitlines())
    capture = cv2.VideoCapture(str(written[0]))
    assert label["file"] == written[0].name and label["fps"] == FPS == capture.get(cv2.CAP_PROP_FPS)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == label["frames"]
    assert [plate["text"] for plate in label["plates"]] == [random_drive(3, 0, SIZE).cars[0].face.text]
    (tmp_path / "file").touch()
    with pytest.raises(FatalError, match="cannot be made"):
        next(write_drives(tmp_path / "file" / "x", 3, SIZE, 1))
