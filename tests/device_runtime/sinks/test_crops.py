from __future__ import annotations

from pathlib import Path

import numpy as np

from device_runtime.follow.event import Passage
from device_runtime.sinks.crops import Crops, crop_of
from device_runtime.sinks.folder import BoundedFolder
from device_runtime.sources.image import read_image
from tests.device_runtime.results import event


def test_a_crop_is_the_plate_and_a_little_around_it(tmp_path: Path) -> None:
    frame = np.zeros((100, 200, 3), np.uint8)
    frame[30:50, 20:80] = 255
    crops = Crops(BoundedFolder(tmp_path, 1 << 20))
    crops.tell(Passage(event=event("京A1"), frame=frame, crop=None))
    crops.tell(Passage(event=event("京A1", complete=True), frame=None, crop=None))
    (path,) = tmp_path.iterdir()
    image = read_image(path)
    assert image.shape == (41, 81, 3) and image[20, 40].min() > 200 and image[2, 2].max() < 50


def test_without_a_frame_it_is_what_was_read() -> None:
    read = np.zeros((24, 94, 3), np.uint8)
    assert crop_of(Passage(event=event("京A1"), frame=None, crop=read)) is read
    outside = np.zeros((10, 10, 3), np.uint8)
    assert crop_of(Passage(event=event("京A1"), frame=outside, crop=read)) is read
