"""Letters and digits as pen strokes in GA 36's 45 × 90 mm character box.

The standard's characters are drawn with one stroke width. A stretched text font has thin verticals or heavy
bars instead; strokes on a centre line do not. Plates differ in how square the bends of their characters are.
"""

from __future__ import annotations

from functools import cache
from math import copysign, cos, pi, sin

import cv2
import numpy as np

from lprnet.plates.pixels import Image

Point = tuple[float, float]
Stroke = list[Point]

BOX_WIDTH, BOX_HEIGHT = 45, 90
"""mm"""

_L, _R, _T, _B = 5.0, 40.0, 5.0, 85.0
_C, _M = (_L + _R) / 2, (_T + _B) / 2


ROUND = 2.0
"""The exponent of ellipses."""


def _arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float, exponent: float) -> Stroke:
    """Part of a superellipse; degrees clockwise from three o'clock, y downwards."""
    angles = [(start + (end - start) * i / 16) * pi / 180 for i in range(17)]

    def reach(value: float) -> float:
        return copysign(abs(value) ** (ROUND / exponent), value)

    return [(cx + rx * reach(cos(a)), cy + ry * reach(sin(a))) for a in angles]


@cache
def strokes(exponent: float = ROUND) -> dict[str, list[Stroke]]:
    """The centre lines of every character.

    Args:
        exponent: of the bends, which are superellipses |x|^n + |y|^n = 1: 2 draws them round, more squarer.
    """

    def bend(cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> Stroke:
        return _arc(cx, cy, rx, ry, start, end, exponent)

    def ring(left: float, top: float, right: float, bottom: float, r: float) -> Stroke:
        """Closed stadium with corner radius *r* in y and half the width in x."""
        cx, rx = (left + right) / 2, (right - left) / 2
        path = bend(cx, top + r, rx, r, 180, 360) + bend(cx, bottom - r, rx, r, 0, 180)
        return [*path, path[0]]

    def bowl(left: float, top: float, right: float, bottom: float) -> Stroke:
        """The D-shaped bowl of B, D, P, R: from top left around to bottom left."""
        r = (bottom - top) / 2 if bottom - top < 50 else 18.0
        rx = min(16.0, right - left)
        upper = bend(right - rx, top + r, rx, r, -90, 0)
        return [(left, top), *upper, *bend(right - rx, bottom - r, rx, r, 0, 90), (left, bottom)]

    return {
        "0": [ring(_L, _T, _R, _B, 19)],
        "1": [[(17, 15), (24, _T + 1), (24, _B)]],
        "2": [[*bend(_C, 24, 17, 19, 190, 375), (_L + 1, _B), (_R, _B)]],
        "3": [[*bend(_C - 1, 24, 16, 19, 200, 450)], [*bend(_C - 1, 64, 18, 21, -90, 160)]],
        "4": [[(28, _T), (_L - 1, 66), (_R + 2, 66)], [(31, 42), (31, _B)]],
        "5": [[(38, _T), (9, _T), (7, 42), *bend(_C - 0.5, 59, 18, 26, 215, 510)]],
        "6": [[(31, _T), (8.5, 47)], ring(_L, 35, _R, _B, 22)],
        "7": [[(_L - 1, _T), (_R, _T), (17, _B)]],
        "8": [ring(7.5, _T, 37.5, 43, 19), ring(_L, 43, _R, _B, 21)],
        "9": [[(14, _B), (36.5, 43)], ring(_L, _T, _R, 55, 22)],
        "A": [[(_L - 1, _B), (_C, _T), (_R + 1, _B)], [(11, 60), (34, 60)]],
        "B": [[(7, _T), (7, _B)], bowl(7, _T, 37, 43), bowl(7, 43, _R, _B)],
        "C": [[*bend(_C, 24, 17.5, 19, 350, 180), *bend(_C, 66, 17.5, 19, 180, 10)]],
        "D": [[(7, _T), (7, _B)], bowl(7, _T, _R, _B)],
        "E": [[(_R, _T), (7, _T), (7, _B), (_R, _B)], [(7, 44), (36, 44)]],
        "F": [[(_R, _T), (7, _T), (7, _B)], [(7, 44), (36, 44)]],
        "G": [[*bend(_C, 24, 17.5, 19, 345, 180), *bend(_C, 66, 17.5, 19, 180, 0), (_R, 50), (25, 50)]],
        "H": [[(6, _T), (6, _B)], [(39, _T), (39, _B)], [(6, 44), (39, 44)]],
        "I": [[(_C, _T), (_C, _B)]],
        "J": [[(34, _T), (34, 66), *bend(20, 66, 14, 19, 0, 180)]],
        "K": [[(7, _T), (7, _B)], [(39, _T), (8, 53)], [(17, 42), (_R, _B)]],
        "L": [[(8, _T), (8, _B), (_R, _B)]],
        "M": [[(5, _B), (5, _T), (_C, 58), (40, _T), (40, _B)]],
        "N": [[(6, _B), (6, _T), (39, _B), (39, _T)]],
        "O": [ring(_L, _T, _R, _B, 19)],
        "P": [[(7, _T), (7, _B)], bowl(7, _T, _R, 50)],
        "Q": [ring(_L, _T, _R, _B, 19), [(24, 62), (_R + 1, _B + 1)]],
        "R": [[(7, _T), (7, _B)], bowl(7, _T, _R, 48), [(22, 48), (_R + 1, _B)]],
        "S": [
            [
                *bend(_C, 24, 16.5, 19, 350, 180),
                *bend(_C, 26, 16.5, 19, 180, 110),
                *bend(_C, 64, 17.5, 20, 280, 370),
                *bend(_C, 65, 17.5, 20, 10, 170),
            ]
        ],
        "T": [[(_L - 1, _T), (_R + 1, _T)], [(_C, _T), (_C, _B)]],
        "U": [[(_L, _T), (_L, 66), *bend(_C, 66, 17.5, 19, 180, 0), (_R, _T)]],
        "V": [[(_L - 1, _T), (_C, _B), (_R + 1, _T)]],
        "W": [[(3, _T), (12, _B), (_C, 22), (33, _B), (42, _T)]],
        "X": [[(_L - 1, _T), (_R + 1, _B)], [(_R + 1, _T), (_L - 1, _B)]],
        "Y": [[(_L - 1, _T), (_C, 46), (_R + 1, _T)], [(_C, 46), (_C, _B)]],
        "Z": [[(_L, _T), (_R, _T), (_L, _B), (_R, _B)]],
    }


def draw(character: str, stroke_width: float, exponent: float = ROUND) -> Image:
    """Coverage uint8[90,45] at 1 px/mm of *character* drawn with a pen *stroke_width* mm wide.

    *exponent* is as in `strokes`.
    """
    scale, fraction = 8, 16
    canvas = np.zeros((BOX_HEIGHT * scale, BOX_WIDTH * scale), np.uint8)
    # The pen stays inside the box: shrink the centre lines drawn for a 10 mm pen.
    sx, sy = (BOX_WIDTH - stroke_width) / (_R - _L), (BOX_HEIGHT - stroke_width) / (_B - _T)
    for stroke in strokes(exponent)[character]:
        path = [((x - _C) * sx + _C, (y - _M) * sy + _M) for x, y in stroke]
        points = np.round(np.array(path) * scale * fraction).astype(np.int32)
        cv2.polylines(canvas, [points], False, 255, round(stroke_width * scale), cv2.LINE_AA, 4)
    return cv2.resize(canvas, (BOX_WIDTH, BOX_HEIGHT), interpolation=cv2.INTER_AREA).astype(np.uint8)
