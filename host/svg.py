"""Elements of the drawn tables."""

from __future__ import annotations

from html import escape


def text(
    x: float,
    y: float,
    content: str,
    size: float,
    fill: str = "#222",
    anchor: str = "start",
    weight: str = "400",
) -> str:
    """A line of text; *y* is its baseline, all lengths in px."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"'
        f' font-weight="{weight}">{escape(content)}</text>'
    )
