"""Spans of time in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """In the largest unit that there are two of, e.g. "3 h", "95 s"."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
