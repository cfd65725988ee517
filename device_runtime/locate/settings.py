"""What a user can adjust about finding plates, every key checked."""

from __future__ import annotations

from typing import Annotated

import msgspec

from device_runtime.locate.region import Region
from device_runtime.schema import Strict


class LocateSettings(Strict, frozen=True, kw_only=True):
    """Where plates are looked for, and how closely.

    Attributes:
        roi: X,Y,W,H or a polygon, X1,Y1,X2,Y2,X3,Y3,…, px of the frame; all of it where None.
        size: px; frames are looked at as large as in a square of this side; the bundle's where None.
        min_plate_width: px of the frame; plates from this width on are to be found, which takes more looks.

    Raises:
        ValueError: *roi* is no region.
    """

    roi: str | None = None
    size: Annotated[int, msgspec.Meta(ge=64, le=10_000)] | None = None
    min_plate_width: Annotated[int, msgspec.Meta(ge=4, le=10_000)] | None = None

    def __post_init__(self) -> None:
        try:
            _ = self.region
        except ValueError as error:
            raise ValueError(f"roi: {error}") from None

    @property
    def region(self) -> Region | None:
        """What `roi` says."""
        return None if self.roi is None else Region.parse(self.roi)
