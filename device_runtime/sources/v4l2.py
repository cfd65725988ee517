"""Local cameras, by Video4Linux: which there are, what is wrong with one, and its frames.

OpenCV streams; what it does not tell is asked of the kernel (linux/videodev2.h): formats, sizes, and why a
camera does not open.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from device_runtime.errors import FatalError
from device_runtime.moment import Moment
from device_runtime.sources.image import Image, as_bgr
from device_runtime.sources.jpeg import decode_jpeg
from device_runtime.sources.live import Captured, Lost
from device_runtime.sources.raw import decode_raw
from device_runtime.sources.settings import PIXEL_FORMATS, SourceSettings

SYSTEM = Path("/sys/class/video4linux")
DEVICES = Path("/dev")

_CAMERA_MODULE = re.compile(r"(?i)unicam|rp1-cfe|bcm2835-isp|bcm2835-codec|pispbe|rpivid|rpi-hevc")
"""What a Raspberry Pi shows of a camera module, as in drivers/media/platform/{broadcom,raspberrypi}."""

RPICAM = "rpicam-vid -n -t 0 --codec mjpeg --width 1280 --height 720 --framerate 15 -o - | lpr-run --camera -"

_LARGEST = {"MJPG": (1920, 1080)}
_LARGEST_RAW = (1280, 720)
"""What a camera is asked for by default: what fits in there. More does not pass USB 2 without compression."""

_QUERYCAP, _ENUM_FMT, _REQBUFS, _ENUM_FRAMESIZES = 0x80685600, 0xC0405602, 0xC0145608, 0xC02C564A
_CAPTURE, _DEVICE_CAPS = 0x00000001, 0x80000000
_VIDEO_CAPTURE, _MMAP = 1, 1


@dataclass(frozen=True)
class Device:
    """A video device of the kernel's.

    Attributes:
        path: as /dev/video0.
        name: as its driver calls it.
        index: among the devices of the same camera; 0 has the pictures.
    """

    path: Path
    name: str
    index: int

    @property
    def number(self) -> int:
        """Of /dev/videoN."""
        return int(self.path.name[5:])

    @property
    def is_camera_module(self) -> bool:
        """Whether it is a part of a Raspberry Pi's camera module, which only libcamera can use."""
        return bool(_CAMERA_MODULE.search(self.name))


def devices(system: Path | None = None) -> list[Device]:
    """Those there are, by number."""
    found = []
    for entry in (system or SYSTEM).glob("video*"):
        if re.fullmatch(r"video\d+", entry.name):
            name, index = _text(entry / "name"), _text(entry / "index")
            found.append(Device(DEVICES / entry.name, name, int(index) if index.isdecimal() else 0))
    return sorted(found, key=lambda device: device.number)


def find_device(camera: str, system: Path | None = None) -> Path:
    """The device that *camera* means: a number, a path as /dev/v4l/by-id/… or a name or a part of one.

    Raises:
        FatalError: there is none, or several have such a name.
    """
    if camera.isdecimal():
        return DEVICES / f"video{int(camera)}" if len(camera) < 6 else DEVICES / f"video{camera[:12]}"
    if camera.startswith("/"):
        return Path(os.path.realpath(camera))
    there = [device for device in devices(system) if device.index == 0]
    wanted = camera.casefold()
    named = [device for device in there if device.name.casefold() == wanted]
    named = named or [device for device in there if wanted in device.name.casefold()]
    if len(named) == 1:
        return named[0].path
    if named:
        paths = ", ".join(str(device.path) for device in named)
        raise FatalError(f"camera {camera}", f"could be {paths}", "give a path of /dev/v4l/by-id")
    raise FatalError(
        f"camera {camera}", "is no file, no address and no camera's name", f"there are: {_listed(there)}"
    )


def stable_path(path: Path, by_id: Path = DEVICES / "v4l/by-id") -> Path:
    """A name of *path* that stays with the camera when it is plugged in elsewhere; itself if it has none."""
    for link in sorted(by_id.glob("*")) if by_id.is_dir() else ():
        if Path(os.path.realpath(link)) == path:
            return link
    return path


class V4l2Capture:
    """A local camera; see `Capture`.

    Attributes:
        pixel_format: by V4L2's name, as it was agreed on.
        size: width and height, px.
    """

    def __init__(self, camera: str, path: Path, settings: SourceSettings) -> None:
        """Open it.

        Args:
            camera: what it is called in errors.
            path: of the device, or a link to it.
            settings: what it is asked for.

        Raises:
            FatalError: it does not open, or does not have what is asked for.
        """
        real = Path(os.path.realpath(path))
        self.pixel_format, size = _chosen(camera, real, settings)
        # Raw frames of a sort that OpenCV converts itself are left to it.
        self._raw = self.pixel_format in ("MJPG", "YUYV", "UYVY")
        try:
            self._capture = cv2.VideoCapture(str(real), cv2.CAP_V4L2)
            opened = self._capture.isOpened()
        except cv2.error:
            opened = False
        if not opened:
            raise FatalError(f"camera {camera}", "does not open", "plug it out and in, and see dmesg")
        ask: dict[int, float] = {cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*_fourcc(self.pixel_format))}
        if size:
            ask |= {cv2.CAP_PROP_FRAME_WIDTH: size[0], cv2.CAP_PROP_FRAME_HEIGHT: size[1]}
        if settings.fps:
            ask[cv2.CAP_PROP_FPS] = settings.fps
        for property_id, value in ask.items():
            self._capture.set(property_id, value)
        if self._raw:
            self._raw = bool(self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0))
        self.size = (
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )
        if settings.size and self.size != settings.size:
            self._capture.release()
            asked, got = ("×".join(map(str, pair)) for pair in (settings.size, self.size))
            raise FatalError(f"camera {camera}", f"gives {got} where {asked} is asked for", f"--size {got}")

    def read(self, timeout_s: float) -> Captured | None:
        """See `Capture.read`."""
        try:
            ready, _ = cv2.VideoCapture.waitAny([self._capture], int(timeout_s * 1e9))
            if not ready:
                return None
            if not self._capture.grab():
                raise Lost("it is gone, or its cable or power fails")
            moment = Moment.now()
            got, image = self._capture.retrieve()
        except cv2.error:
            raise Lost("it is gone, or its cable or power fails") from None
        if not got or image is None or image.size == 0:
            return Captured(moment, lambda: None)
        return Captured(moment, partial(self._pixels, image))

    def interrupt(self) -> None:
        """`read` keeps to its time."""

    def close(self) -> None:
        """Let go of it."""
        self._capture.release()

    def _pixels(self, image: np.ndarray) -> Image | None:
        # Some builds of OpenCV decode whatever they are told.
        if not self._raw or (image.ndim == 3 and image.shape[2] == 3):
            return as_bgr(image)
        if self.pixel_format == "MJPG":
            return decode_jpeg(image.tobytes())
        height, width = image.shape[:2]
        return decode_raw(image.tobytes(), self.pixel_format, (width, height))


def _chosen(camera: str, path: Path, settings: SourceSettings) -> tuple[str, tuple[int, int] | None]:
    """Pixel format and size to ask for.

    Raises:
        FatalError: why there is nothing to ask.
    """
    with _asked(camera, path) as device:
        formats = _formats(device)
        wanted = settings.pixel_format
        if wanted is not None and wanted not in formats:
            there = ", ".join(name for name in PIXEL_FORMATS if name in formats)
            raise FatalError(f"--pixel-format {wanted}", "is nothing this camera has", there)
        by_default = [name for name in ("MJPG", "YUYV") if name in formats] or formats
        pixel_format = wanted or by_default[0]
        sizes = _sizes(device, _fourcc(pixel_format))
        if settings.size and sizes and settings.size not in sizes and len(sizes) > 1:
            there = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
            asked = "x".join(map(str, settings.size))
            raise FatalError(f"--size {asked}", f"is none of this camera's in {pixel_format}", there)
        if settings.size or not sizes:
            return pixel_format, settings.size
        width, height = _LARGEST.get(pixel_format, _LARGEST_RAW)
        fitting = [size for size in sizes if size[0] <= width and size[1] <= height]
        by_area = sorted(fitting or sizes, key=lambda size: size[0] * size[1])
        return pixel_format, by_area[-1] if fitting else by_area[0]


@contextmanager
def _asked(camera: str, path: Path) -> Iterator[int]:
    """The device, open, and certain to be a camera that is free.

    Raises:
        FatalError: it is not.
    """
    what = f"camera {camera}"
    module = next((one for one in devices() if one.path == path and one.is_camera_module), None)
    if module:
        why = f"is a Raspberry Pi camera module ({module.name}), which only libcamera can use"
        raise FatalError(what, why, RPICAM)
    try:
        device = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise not_opened(what, path, error) from None
    try:
        try:
            capabilities = bytearray(104)
            fcntl.ioctl(device, _QUERYCAP, capabilities)
            everything, its_own = struct.unpack_from("<II", capabilities, 84)
            if not (its_own if everything & _DEVICE_CAPS else everything) & _CAPTURE:
                others = [d for d in devices() if d.index == 0 and d.path != path]
                raise FatalError(what, "is a video device without pictures", f"there are: {_listed(others)}")
            # Whoever streams owns the buffers.
            fcntl.ioctl(device, _REQBUFS, bytearray(struct.pack("<IIIII", 1, _VIDEO_CAPTURE, _MMAP, 0, 0)))
            fcntl.ioctl(device, _REQBUFS, bytearray(struct.pack("<IIIII", 0, _VIDEO_CAPTURE, _MMAP, 0, 0)))
        except OSError as error:
            raise not_opened(what, path, error) from None
        yield device
    finally:
        os.close(device)


def not_opened(what: str, path: Path, error: OSError) -> FatalError:
    if error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENAMETOOLONG):
        there = [device for device in devices() if device.index == 0]
        todo = f"plug it in; there are: {_listed(there)}"
        if _is_raspberry_pi() and not any(not device.is_camera_module for device in there):
            todo = f"for a camera module: {RPICAM}"
        return FatalError(what, f"does not open (no {path})", todo)
    if error.errno in (errno.EACCES, errno.EPERM):
        todo = "sudo usermod -aG video $USER, then log in again"
        return FatalError(what, f"does not open (no permission for {path})", todo)
    if error.errno == errno.EBUSY:
        by = user_of(path)
        return FatalError(what, f"is in use by {by}" if by else "is in use", "end the other program")
    if error.errno in (errno.ENOTTY, errno.EINVAL):
        return FatalError(what, f"does not open ({path} is no camera)", "give one of /dev/v4l/by-id")
    return FatalError(what, f"does not open ({error.strerror})", "plug it out and in, and see dmesg")


def _formats(device: int) -> list[str]:
    """Names of the pixel formats a camera has, in its order."""
    found: list[str] = []
    for index in range(64):
        request = bytearray(struct.pack("<II56x", index, _VIDEO_CAPTURE))
        try:
            fcntl.ioctl(device, _ENUM_FMT, request)
        except OSError:
            break
        name = request[44:48].decode("ascii", "replace").strip()
        found.append({"YU12": "I420", "JPEG": "MJPG"}.get(name, name))
    return list(dict.fromkeys(found)) or ["YUYV"]


def _sizes(device: int, fourcc: str) -> list[tuple[int, int]]:
    """Widths and heights a camera has in a pixel format; of a range the usual ones, else none."""
    found: list[tuple[int, int]] = []
    for index in range(256):
        request = bytearray(struct.pack("<I4s36x", index, fourcc.encode()))
        try:
            fcntl.ioctl(device, _ENUM_FRAMESIZES, request)
        except OSError:
            break
        kind, *numbers = struct.unpack_from("<I6I", request, 8)
        if kind != 1:
            least_w, most_w, step_w, least_h, most_h, step_h = numbers
            usual = ((640, 480), (1280, 720), (1920, 1080))
            return [
                (w, h)
                for w, h in usual
                if least_w <= w <= most_w and least_h <= h <= most_h
                if (w - least_w) % max(step_w, 1) == 0 and (h - least_h) % max(step_h, 1) == 0
            ]
        found.append((numbers[0], numbers[1]))
    return found


def _fourcc(pixel_format: str) -> str:
    return "YU12" if pixel_format == "I420" else pixel_format


def _listed(there: list[Device]) -> str:
    return ", ".join(f"{device.number} ({device.name})" for device in there) or "none"


def user_of(path: Path) -> str | None:
    """The program that has *path* open, as far as it may be known."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.parts[2] != str(os.getpid()) and link.readlink() == path:
                return f"{_text(link.parents[1] / 'comm')} ({link.parts[2]})"
        except OSError:
            continue
    return None


def _is_raspberry_pi() -> bool:
    return "raspberry pi" in _text(Path("/proc/device-tree/model")).lower()


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""
