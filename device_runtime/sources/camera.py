"""Cameras, streams and video files."""

from __future__ import annotations

from collections.abc import Iterator

import cv2

from device_runtime.errors import FatalError
from device_runtime.sources.frame import Frame
from device_runtime.sources.image import as_bgr
from device_runtime.timing import StageClock

_TIMEOUT_MS = 10_000
"""How long a stream may take to open, and for its next frame."""


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
            yield Frame(source=f"{camera}#{count}", image=as_bgr(image), read_ms=clock.ms["read"])
    finally:
        capture.release()


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
