"""What became of a camera's frames, as reports and health reports say it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from device_runtime.schema import Tolerant
from device_runtime.sources.source import Counts

Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0.0)]


class CameraCounts(Tolerant, frozen=True, kw_only=True):
    """What became of a camera's frames beside those that were read.

    Attributes:
        dropped: went by while the reader was busy.
        damaged: arrived, but could not be decoded.
        losses, reconnects: how often it went away, and came back.
        lost_s: how long it was away, in sum.
    """

    dropped: Count
    damaged: Count
    losses: Count
    reconnects: Count
    lost_s: Seconds


def camera_counts(counts: Counts) -> CameraCounts:
    """What is told of *counts*."""
    return CameraCounts(
        dropped=counts.dropped,
        damaged=counts.damaged,
        losses=counts.losses,
        reconnects=counts.reconnects,
        lost_s=round(counts.lost_s, 3),
    )
