"""The kernel's files: small texts, looked at again and again.

A `Path` has Python intern the parts of its name, and names that nobody else holds use up places in the table
of those, until it doubles. So each is made once and kept.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


@cache
def below(folder: Path, name: str) -> Path:
    """`folder / name`, the same object each time."""
    return folder / name


def text(path: Path) -> str | None:
    """What a file says, without space around it; None where it says nothing or cannot be read."""
    try:
        # Device tree strings end in NUL.
        return path.read_bytes().decode(errors="replace").strip("\0 \t\r\n") or None
    except OSError:
        return None


def number(path: Path, factor: float = 1.0) -> float | None:
    """The number in a file times *factor*, to three places; None where there is none."""
    try:
        return round(float(text(path) or "") * factor, 3)
    except ValueError:
        return None


def entries(folder: Path, prefix: str) -> list[Path]:
    """What is in a folder and begins with *prefix*, by name."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [below(folder, name) for name in sorted(names) if name.startswith(prefix)]
