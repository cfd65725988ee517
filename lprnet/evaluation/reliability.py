"""Reliability diagram: how often plates are right that are read with some confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from lprnet.evaluation.evaluate import Bin, calibration_error
from lprnet.svg import document, line, text

_SIDE, _LEFT, _TOP, _BOTTOM, _GAP = 300, 52, 80, 52, 70
_COLOR = "#4878a8"


def draw(panels: Mapping[str, Sequence[Bin]]) -> bytes:
    """An SVG with a square for each data set, side by side.

    A point for each bin, at its mean confidence and the share of its plates read right, with their number; a
    line joins it to the diagonal, where a reader that knows its chances would put it.
    """
    body = []
    for index, (name, bins) in enumerate(panels.items()):
        body += _panel(_LEFT + index * (_SIDE + _GAP), name, bins)
    return document(_LEFT + len(panels) * (_SIDE + _GAP), _TOP + _SIDE + _BOTTOM, body).encode()


def _panel(left: float, name: str, bins: Sequence[Bin]) -> list[str]:
    def x(confidence: float) -> float:
        return left + confidence * _SIDE

    def y(right: float) -> float:
        return _TOP + (1 - right) * _SIDE

    n = sum(b.n for b in bins)
    parts = [text(left, 24, name, 16, weight="700")]
    parts.append(
        text(left, 44, f"n = {n}, expected calibration error {calibration_error(bins):.3f}", 12, "#555")
    )
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts += [line(x(tick), y(0), x(tick), y(1)), line(x(0), y(tick), x(1), y(tick))]
        parts.append(text(x(tick), y(0) + 18, f"{tick:g}", 12, anchor="middle"))
        parts.append(text(left - 8, y(tick) + 4, f"{tick:g}", 12, anchor="end"))
    parts.append(line(x(0), y(0), x(1), y(1), "#888"))
    parts.append(text(x(0.5), y(0) + 40, "confidence", 12, "#555", anchor="middle"))
    parts.append(text(left, _TOP - 8, "share read right", 12, "#555"))
    for b in bins:
        tip = f"confidence {b.confidence:.3f}, right {b.right:.3f}, {b.n} plates"
        parts.append(line(x(b.confidence), y(b.confidence), x(b.confidence), y(b.right), _COLOR))
        parts.append(
            f'<circle cx="{x(b.confidence):.1f}" cy="{y(b.right):.1f}" r="4" fill="{_COLOR}">'
            f"<title>{escape(tip)}</title></circle>"
        )
        parts.append(text(x(b.confidence) + 7, y(b.right) + 4, str(b.n), 11))
    return parts
