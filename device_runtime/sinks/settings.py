"""What a user can adjust about what is printed and saved, every key checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from device_runtime.schema import Strict

Mib = Annotated[int, msgspec.Meta(ge=1, le=1 << 20)]
"""MiB."""


class OutputSettings(Strict, frozen=True, kw_only=True):
    """What is printed and saved on the board.

    Attributes:
        json: print JSON lines instead of text and a summary.
        annotated: folder for pictures of what was read; of events the newest, up to `annotated_mib`.
        csv: file that a row is appended to for each event.
        crops: folder for the plates of events, the newest, up to `crops_mib`.
        video: file for a video of what was seen and read, which ends after `video_mib`.
        video_fps: frames a second of it.
        on_plate: program, and its first arguments, to start for each event.
        on_plate_timeout: s, after which it is killed.
    """

    json: bool = False
    annotated: Path | None = None
    annotated_mib: Mib = 1024
    csv: Path | None = None
    crops: Path | None = None
    crops_mib: Mib = 256
    video: Path | None = None
    video_mib: Mib = 4096
    video_fps: Annotated[float, msgspec.Meta(gt=0.0, le=120.0)] = 10.0
    on_plate: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()
    on_plate_timeout: Annotated[float, msgspec.Meta(gt=0.0, le=3600.0)] = 10.0
