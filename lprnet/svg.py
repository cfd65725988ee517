"""Elements of the drawn tables and plots; all lengths in px."""

from __future__ import annotations

from collections.abc import Sequence
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
    """A line of text; *y* is its baseline."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"'
        f' font-weight="{weight}">{escape(content)}</text>'
    )


def line(x1: float, y1: float, x2: float, y2: float, stroke: str = "#ddd") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"/>'


def document(width: int, height: int, body: Sequence[str]) -> str:
    """The file: *body* on white."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' font-family="sans-serif">\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )
