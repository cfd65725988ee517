from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from device_runtime.configuration import configure
from host.paths import SAMPLES
from host.virtual_board.kit import SIZE, TEXTS, make, scene


def test_the_video_shows_no_plate_and_then_each(tmp_path: Path) -> None:
    folder = tmp_path / "kit"
    assert make(folder) == len(list((folder / "samples").glob("*.png"))) >= 20
    capture = cv2.VideoCapture(str(folder / "plates.avi"))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    assert len(frames) == 1 + len(TEXTS)
    for shown, text in zip(frames, (None, *TEXTS), strict=True):
        image = scene(text)
        assert shown.shape == (SIZE[1], SIZE[0], 3)
        assert np.abs(shown.astype(int) - image).mean() < 3
    assert all((SAMPLES / f"{text}.png").exists() for text in TEXTS)


def test_its_settings_are_what_lpr_run_knows(tmp_path: Path) -> None:
    make(tmp_path / "kit")
    found = configure(tmp_path / "kit" / "lpr.toml")
    assert found.source.camera == "0" and found.delivery.events == "serial:/dev/ttyS0@115200"
