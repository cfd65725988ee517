"""What a source yields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_runtime.errors import FatalError


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
