"""Nonsense of every kind is one line that says what to do; what is right is in the other files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from device_runtime.sources.frame import Unreadable
from device_runtime.sources.open import open_source
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import frames_of


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video\n" * 99)
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "none").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        # local cameras
        ("", "names nothing"),
        ("97", "does not open (no /dev/video97)"),
        ("9" * 30, "does not open (no /dev/video999999999999)"),
        ("-1", "is no file, no address and no camera's name"),
        ("HD Webcam", "there are: "),
        ("/dev/video97", "does not open (no /dev/video97)"),
        ("/dev/v4l/by-id/usb-none-video-index0", "does not open (no /dev/v4l/by-id/usb-none-video-index0)"),
        ("/dev/null", "/dev/null is no camera"),
        ("/dev/zero", "/dev/zero is no camera"),
        ("0\0", "names nothing"),
        ("picamera2", "needs picamera2"),
        # streams
        ("http://127.0.0.1:1/none", "does not open (Connection refused)"),
        ("rtsp://127.0.0.1:1/none", "does not open (Connection refused)"),
        ("rtsp://joe:secret@127.0.0.1:1/none", "does not open (Connection refused)"),
        ("rtsp://", "it names no host"),
        ("rtsp:///live", "it names no host"),
        ("rtsp://cam:port/live", "it names no host and port"),
        ("rtsp://joe:se/cret@cam/live", "write it as %2F"),
        ("http://camera.invalid/", "its name is not known"),
        ("ftp://%%/", "no stream that can be decoded"),
        ("nonsense://x", "no stream that can be decoded"),
        ("http://cam era/", "it is no address"),
        ("file://none.mp4", "no such file"),
        # files
        ("none.mp4", "does not open (no such file)"),
        ("./missing", "does not open (no such file)"),
        ("x" * 5000 + ".mp4", "does not open (no such file)"),
        ("loop", "is no file, no address"),
        ("empty.mp4", "is empty"),
        ("text.mp4", "is no video that can be decoded"),
        ("text.jpg", "is not a readable image"),
        ("none", "holds no images"),
        ("pipe", "no frame for "),
    ],
)
def test_nonsense(somewhere: Path, camera: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FatalError) as caught:
        for frame in frames_of(open_source(camera, SourceSettings(timeout=0.5))):
            assert isinstance(frame, Unreadable)
            raise frame.error
    message = str(caught.value)
    assert said in message
    assert "\n" not in message and " – " in message
    assert "secret" not in message and "cret" not in message
    assert capfd.readouterr() == ("", "")


def test_no_permission(somewhere: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (somewhere / "text.mp4").chmod(0)
    with pytest.raises(FatalError, match="Permission denied"):
        open_source("text.mp4")


def test_a_file_may_be_an_address(somewhere: Path) -> None:
    with pytest.raises(FatalError, match=r"empty\.mp4: is empty"):
        open_source(f"file://{somewhere}/empty.mp4")
