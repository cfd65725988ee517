from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.sources.files import image_files, label_of, read_files
from device_runtime.sources.frame import Frame, Unreadable


def test_files_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "plates"
    folder.mkdir()
    for name in ("b.PNG", "a.jpg", "notes.txt", "c.webp"):
        (folder / name).touch()
    odd = tmp_path / "image-without-suffix"
    assert image_files([odd, folder]) == [odd, *(folder / name for name in ("a.jpg", "b.PNG", "c.webp"))]


def test_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FatalError, match="holds no images"):
        image_files([tmp_path])


def test_an_unreadable_file_does_not_stop_the_others(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    good.write_bytes(cv2.imencode(".png", np.zeros((24, 94, 3), np.uint8))[1].tobytes())
    (tmp_path / "bad.png").write_text("bad")
    found = list(read_files([tmp_path / "bad.png", good, tmp_path / "none.png"]))
    assert [type(item) for item in found] == [Unreadable, Frame, Unreadable]
    assert found[1].source == str(good)


def test_labels() -> None:
    for name in ("京A12345.jpg", "京A12345_2.png", "京A12345-90_91-x.jpg"):
        assert label_of(Path("x") / name) == "京A12345"


def test_a_mark_that_plates_may_have_belongs_to_the_label() -> None:
    assert label_of(Path("AB-123_7.png"), "AB123-") == "AB-123"
    assert label_of(Path("AB_123-7.png"), "AB123_") == "AB_123"
    assert label_of(Path("AB-1_2.png"), "AB12-_") == "AB-1_2"
