"""What a source yields."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from device_runtime.errors import FatalError
from device_runtime.moment import Moment
from device_runtime.sources.image import Image


@dataclass(frozen=True, eq=False, kw_only=True)
class Frame:
    """An image to find a plate in.

    Attributes:
        source: its name: a path, or a camera and the frame's number.
        image: BGR uint8 [H, W, 3].
        read_ms: how long it took to read and decode, not to wait for; None where it lay in memory.
        path: where it is a file.
        moment: when it arrived here; of a recording, when it would have, had its first frame arrived as it
            was opened.
    """

    source: str
    image: Image
    read_ms: float | None = None
    path: Path | None = None
    moment: Moment = field(default_factory=Moment.now)


@dataclass(frozen=True)
class Unreadable:
    """A file that should have been an image.

    Attributes:
        source: its path.
        error: what is wrong with it.
    """

    source: str
    error: FatalError
