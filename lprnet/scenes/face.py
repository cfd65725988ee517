"""A plate to put into scenes."""

from __future__ import annotations

from dataclasses import dataclass

from lprnet.scenes.scene import Image


@dataclass(frozen=True, eq=False)
class Face:
    """A plate from the front.

    Attributes:
        image: uint8[H,W,3] BGR.
        rows: of text, 1 or 2.
        text: its characters as they are read, without what separates them; "" if unknown.
        kind: a name in `plates.kinds.KINDS` or of one of `world.DESIGNS`; "" if unknown.
    """

    image: Image
    rows: int
    text: str = ""
    kind: str = ""
