from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.sources.frame import Frame, Unreadable
from device_runtime.sources.open import open_source
from device_runtime.sources.source import Counts, EndOfSource, frames_of
from device_runtime.sources.stills import Stills


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, value in (("b.png", 2), ("a.jpg", 1)):
        (tmp_path / name).write_bytes(
            cv2.imencode(name[1:], np.full((8, 9, 3), value, np.uint8))[1].tobytes()
        )
    (tmp_path / "c.bmp").touch()
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_a_folder_is_a_camera(folder: Path) -> None:
    source = open_source(str(folder))
    assert not source.live
    frames = list(frames_of(source))
    assert [Path(frame.source).name for frame in frames] == ["a.jpg", "b.png", "c.bmp"]
    assert isinstance(frames[2], Unreadable) and isinstance(frames[0], Frame)
    assert frames[0].path == folder / "a.jpg"
    assert source.counts == Counts(frames=2, damaged=1)
    with pytest.raises(EndOfSource):
        source.next(0)


def test_an_image_is_a_camera(folder: Path) -> None:
    (frame,) = frames_of(open_source(str(folder / "b.png")))
    assert isinstance(frame, Frame) and frame.image[0, 0, 0] == 2


def test_over_and_over(folder: Path) -> None:
    files = Stills.of_files([folder / "a.jpg", folder / "b.png"], repeat=True)
    assert [Path(frame.source).name for _ in range(3) if (frame := files.next(0))] == [
        "a.jpg",
        "b.png",
        "a.jpg",
    ]
    images = Stills.of_images("golden", [np.zeros((2, 2, 3), np.uint8)] * 2)
    assert [frame.source for _ in range(3) if (frame := images.next(0))] == [
        "golden#0",
        "golden#1",
        "golden#0",
    ]
