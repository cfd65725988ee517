"""Where images come from: files, folders, cameras and streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from device_runtime.preprocess import as_bgr, read_image
from device_runtime.timing import StageClock

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"))
_TIMEOUT_MS = 10_000

Region = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Frame:
    """An image BGR uint8 [H, W, 3] and how long it took to get; `path` where it is a file."""

    source: str
    image: NDArray[np.uint8]
    read_ms: float | None
    path: Path | None = None


@dataclass(frozen=True)
class Unreadable:
    """A file that should have been an image."""

    source: str
    error: FatalError


def image_files(paths: Sequence[Path]) -> list[Path]:
    """Files as given, and of each folder the images in it by name (not in folders below).

    Raises:
        FatalError: a folder without images.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        try:
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        except OSError as error:
            raise FatalError(
                str(path), f"cannot be read ({error.strerror})", "check its permissions"
            ) from None
        if not found:
            raise FatalError(str(path), "holds no images", f"put {', '.join(sorted(SUFFIXES))} files there")
        files += found
    return files


def label_of(path: Path) -> str:
    """The label in a file name, up to the first `-` or `_`, as LPRNet's data sets name their files."""
    return path.stem.split("-")[0].split("_")[0]


def read_files(files: Iterable[Path]) -> Iterator[Frame | Unreadable]:
    """Read each file."""
    for path in files:
        clock = StageClock()
        try:
            image = read_image(path)
        except FatalError as error:
            yield Unreadable(str(path), error)
            continue
        clock.lap("read")
        yield Frame(str(path), image, clock.ms["read"], path)


def camera_frames(camera: str) -> Iterator[Frame]:
    """Frames of a camera until it ends, which only a file or a stream of known length may do.

    Args:
        camera: index of a local camera, or an address or video file OpenCV can open.

    Raises:
        FatalError: it does not open, or it stops giving frames.
    """
    capture = _open(camera)
    try:
        total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        count = 0
        while True:
            clock = StageClock()
            read, image = capture.read()
            clock.lap("read")
            if not read or image is None or image.size == 0:
                if 0 < total <= count:
                    return
                raise FatalError(
                    f"camera {camera}",
                    f"stopped after {count} frames" + (f" of {total}" if total > 0 else ""),
                    "check its cable, power and network, and that no other program uses it",
                )
            count += 1
            yield Frame(f"{camera}#{count}", as_bgr(image), clock.ms["read"])
    finally:
        capture.release()


def crop(image: NDArray[np.uint8], region: Region) -> NDArray[np.uint8]:
    """The part of *image* in *region* = (x, y, width, height).

    Raises:
        FatalError: the region is not within the image.
    """
    x, y, width, height = region
    if x + width > image.shape[1] or y + height > image.shape[0]:
        raise FatalError(
            f"--roi {x},{y},{width},{height}",
            f"is not within the frame of {image.shape[1]}×{image.shape[0]}",
            "choose a smaller region",
        )
    return image[y : y + height, x : x + width]


def _open(camera: str) -> cv2.VideoCapture:
    # Where OpenCV throws, it is for an address no back end can parse: the same as not opening.
    try:
        if camera.isdecimal():
            capture = cv2.VideoCapture(int(camera))
        elif "://" in camera:
            limits = [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                _TIMEOUT_MS,
                cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                _TIMEOUT_MS,
            ]
            capture = cv2.VideoCapture(camera, cv2.CAP_FFMPEG, limits)
            if not capture.isOpened():
                capture = cv2.VideoCapture(camera)
        else:
            capture = cv2.VideoCapture(camera)
        opened = capture.isOpened()
    except (cv2.error, OverflowError):
        opened = False
    if not opened:
        todo = "check the address and the network"
        if camera.isdecimal():
            todo = "check that it is plugged in (ls /dev/video*) and that you are in group video"
        raise FatalError(f"camera {camera}", "does not open", todo)
    return capture
