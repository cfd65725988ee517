"""What is known of cameras without one: a kernel's lists of them. Frames are tested on the virtual board."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from device_runtime.sources import v4l2
from device_runtime.sources.v4l2 import Device, devices, find_device, stable_path
from tests.device_runtime.sources.cameras import until


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """As of a Raspberry Pi 4 with its camera module and two like webcams."""
    names = {
        0: "unicam-image", 1: "unicam-embedded", 10: "bcm2835-codec-decode",
        2: "HD Pro Webcam C920", 3: "HD Pro Webcam C920", 4: "UVC Camera (046d:0825)",
    }  # fmt: skip
    for number, name in names.items():
        entry = tmp_path / f"video{number}"
        entry.mkdir()
        (entry / "name").write_text(f"{name}\n")
        (entry / "index").write_text("1\n" if number in (1, 3) else "0\n")
    (tmp_path / "v4l-subdev0").mkdir()
    return tmp_path


def test_what_there_is(system: Path) -> None:
    there = devices(system)
    assert [device.number for device in there] == [0, 1, 2, 3, 4, 10]
    assert there[2] == Device(Path("/dev/video2"), "HD Pro Webcam C920", 0)
    assert [device.number for device in there if device.is_camera_module] == [0, 1, 10]
    assert devices(system / "none") == []


@pytest.mark.parametrize("module", ["unicam-image", "rp1-cfe-csi2_ch0", "bcm2835-isp-output0"])
def test_camera_modules(module: str) -> None:
    assert Device(Path("/dev/video0"), module, 0).is_camera_module


def test_by_number_path_and_name(system: Path, tmp_path: Path) -> None:
    assert find_device("4", system) == find_device("004", system) == Path("/dev/video4")
    assert find_device("HD Pro Webcam C920", system) == Path("/dev/video2")
    assert find_device("c920", system) == Path("/dev/video2")
    link = tmp_path / "by-id"
    link.symlink_to("/dev/video4")
    assert find_device(str(link), system) == Path("/dev/video4")
    with pytest.raises(FatalError, match="could be /dev/video0, /dev/video2, /dev/video4 – give a path"):
        find_device("cam", system)
    with pytest.raises(FatalError, match=r"there are: .*2 \(HD Pro Webcam C920\), 4 \(UVC Camera"):
        find_device("Logitech", system)


def test_a_camera_keeps_its_name_where_it_has_one(tmp_path: Path) -> None:
    (tmp_path / "usb-cam-video-index0").symlink_to("/dev/video4")
    assert stable_path(Path("/dev/video4"), tmp_path) == tmp_path / "usb-cam-video-index0"
    assert stable_path(Path("/dev/video5"), tmp_path) == Path("/dev/video5")
    assert stable_path(Path("/dev/video5"), tmp_path / "none") == Path("/dev/video5")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOENT, r"does not open \(no /dev/video7\) – plug it in"),
        (errno.ENODEV, r"does not open \(no /dev/video7\)"),
        (errno.EACCES, r"no permission for /dev/video7\) – sudo usermod -aG video \$USER"),
        (errno.EBUSY, "is in use"),
        (errno.ENOTTY, "/dev/video7 is no camera"),
        (errno.EIO, r"does not open \(Input/output error\)"),
    ],
)
def test_why_a_camera_does_not_open(number: int, said: str) -> None:
    error = v4l2.not_opened("camera 7", Path("/dev/video7"), OSError(number, os.strerror(number)))
    with pytest.raises(FatalError, match=said):
        raise error


def test_a_camera_module_says_what_to_do_instead(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2, "SYSTEM", system)
    with pytest.raises(FatalError, match=r"camera module \(unicam-image\).* – rpicam-vid .*--camera -"):
        v4l2.V4l2Capture("0", Path("/dev/video0"), v4l2.SourceSettings())


def test_who_uses_a_file(tmp_path: Path) -> None:
    path = tmp_path / "device"
    path.touch()
    assert v4l2.user_of(path) is None
    with subprocess.Popen(["sh", "-c", f"exec 9<{path}; read x"], stdin=subprocess.PIPE) as child:
        until(lambda: v4l2.user_of(path) == f"sh ({child.pid})")
