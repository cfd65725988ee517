"""What a user can adjust about what is printed and saved, every key checked."""

from __future__ import annotations

from pathlib import Path

from device_runtime.schema import Strict


class OutputSettings(Strict, frozen=True, kw_only=True):
    """What is printed and saved on the board.

    Attributes:
        json: print JSON lines instead of text and a summary.
        annotated: folder for pictures of what was read.
    """

    json: bool = False
    annotated: Path | None = None
