"""What a source yields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from device_runtime.errors import FatalError
from device_runtime.sources.image import Image


@dataclass(frozen=True, eq=False, kw_only=True)
class Frame:
    """An image to find a plate in.

    Attributes:
        source: its name: a path, or a camera and the frame's number.
        image: BGR uint8 [H, W, 3].
        read_ms: how long it took to get and decode; None where it lay in memory.
        path: where it is a file.
    """

    source: str
    image: Image
    read_ms: float | None = None
    path: Path | None = None


@dataclass(frozen=True)
class Unreadable:
    """A file that should have been an image.

    Attributes:
        source: its path.
        error: what is wrong with it.
    """

    source: str
    error: FatalError
