"""What a user can adjust about a camera, every key checked."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from device_runtime.schema import Strict

Size = tuple[
    Annotated[int, msgspec.Meta(ge=16, le=16384)],
    Annotated[int, msgspec.Meta(ge=16, le=16384)],
]
"""Width and height, px."""

PIXEL_FORMATS = ("MJPG", "YUYV", "UYVY", "NV12", "I420", "BGR3", "GREY")
"""Names as in V4L2, but for I420, which it calls YU12."""


class SourceSettings(Strict, frozen=True, kw_only=True):
    """Which camera it is, and how frames are asked for.

    Attributes:
        camera: number, name or path of a local camera, address, file, or - for standard input.
        size: width and height, px; what the camera has where None. A size that it has not is an error.
        fps: frames a second that a camera is asked for, and the most that are taken of a stream.
        pixel_format: of a local camera or a pipe; MJPG where the camera has it, if None.
        timeout: seconds without a frame after which a camera counts as lost; twice as long to open it.
        every_frame: of a pipe: whether its sender waits for the reader, so that none is dropped.
        rtsp: how RTSP streams are carried.
        tls_verify: whether an https camera has to show a certificate that is trusted here.

    Raises:
        ValueError: a pixel format that there is not.
    """

    camera: str | None = None
    size: Size | None = None
    fps: Annotated[float, msgspec.Meta(gt=0.0, le=1000.0)] | None = None
    pixel_format: str | None = None
    timeout: Annotated[float, msgspec.Meta(ge=0.5, le=3600.0)] = 5.0
    every_frame: bool = False
    rtsp: Literal["tcp", "udp"] = "tcp"
    tls_verify: bool = True

    def __post_init__(self) -> None:
        if self.pixel_format is not None and self.pixel_format not in PIXEL_FORMATS:
            raise ValueError(f"pixel_format is none of {', '.join(PIXEL_FORMATS)}")


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of *text*, as 1280x720.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text.strip(), re.IGNORECASE)
    if not found or not all(16 <= int(side) <= 16384 for side in found.groups()):
        raise ValueError(f"{text!r} is not WIDTHxHEIGHT, as 1280x720")
    return int(found[1]), int(found[2])
