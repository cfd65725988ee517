"""A plate to put into scenes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lprnet.scenes.scene import Image

_STACKED = (440, 220)
"""mm: a Chinese plate with two rows (GA 36-2018)."""
_UPPER = 82 / 220
"""Share of its height above the middle between both rows."""


@dataclass(frozen=True, eq=False)
class Face:
    """A plate from the front.

    Attributes:
        image: uint8[H,W,3] BGR.
        rows: of text, 1 or 2.
        text: its characters as they are read, without what separates them; "" if unknown.
        kind: a name in `plates.kinds.KINDS` or of one of `world.DESIGNS`; "" if unknown.
        first_row: number of characters in the first of two rows; 0 if unknown.
    """

    image: Image
    rows: int
    text: str = ""
    kind: str = ""
    first_row: int = 0


def stacked(crop: Image, share: float) -> Image:
    """A plate with one row cut at *share* of its width: the left part over the right one, both as wide.

        ┌──────┬───────────┐         ┌───────────┐
        │ 京A  │ 1 2 3 4 5 │   ──▶   │   京  A   │
        └──────┴───────────┘         │ 1 2 3 4 5 │
                                     └───────────┘

    Args:
        crop: uint8[h,w,3].
        share: 0 to 1, without both.
    """
    width = crop.shape[1]
    cut = min(max(round(share * width), 1), width - 1)
    # As wide as the longer part, so that no pixel of it is lost.
    across = 2 * max(cut, width - cut)
    tall = round(across * _STACKED[1] / _STACKED[0])
    upper = round(tall * _UPPER)
    parts = ((crop[:, :cut], upper), (crop[:, cut:], tall - upper))
    rows = [cv2.resize(part, (across, high), interpolation=cv2.INTER_LINEAR) for part, high in parts]
    return np.asarray(np.concatenate(rows), np.uint8)
