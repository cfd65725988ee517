"""Letters and digits as pen strokes in boxes of any width, in the many shapes that plates have.

`strokes.py` holds the characters of GA 36; these are those of other countries' plates. A `Design` says how
bends are cut and which of the usual forms a character has: a zero with a slash, a four that is open, a seven
with a serif. No font program is copied: shapes follow what the countries' rules state of width, height and
stroke.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import copysign, cos, pi, sin

import cv2
import numpy as np

from lprnet.plates.pixels import Image

Point = tuple[float, float]
Stroke = list[Point]

H = 100.0
"""Height of the box; widths are in the same unit."""

ACCENTED = {"Ä": "A¨", "Ö": "O¨", "Ü": "U¨", "Å": "A°", "Š": "Sˇ", "Č": "Cˇ", "Ž": "Zˇ", "Ć": "C´"}
"""Letters with something above, as letter and mark."""
STROKED = {"Đ": "D", "Ø": "O"}
"""Letters with a stroke through them."""
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "".join(ACCENTED) + "".join(STROKED) + "Æ"
"""All that can be drawn."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """How characters are cut; lengths in hundredths of the height.

    Attributes:
        letter: width of most letters.
        digit: width of most digits.
        pen: width of the strokes.
        corner: width of a bend, in halves of the character's width: 1 leaves nothing straight on top.
        tall: height of a bend over its width.
        exponent: of the bends, which are superellipses: 2 draws them round, more squarer.
        zero: width of the zero over that of the other digits.
        oh: width of O and Q over that of the other letters.
        oval: how much taller the bends of O and Q are.
        mark: what marks the zero: nothing, "slash", "dot" or "notch".
        one: "flag", "foot" or "plain".
        three: "round" or "flat".
        four: "closed" or "open".
        six: "straight", "curled" or "stem": how 6 and 9 end.
        seven: "plain", "bent" or "serif".
        eye: "plain" or "slab".
        jay: "hook" or "bar".
        em: how far down the middle of M comes.
        peak: how far below the top the middle of W ends.
        leg: "stem", "bowl" or "upright": where the leg of R comes from, and how it goes down.
        tail: "long", "short", "inner" or "down", of Q.
        arms: "apart" or "together": where those of K meet its stem.
        chin: "bar", "spur" or "stub", of G.
        fork: how far down the arms of Y meet.
        tie: how far down the bar of A is.
        waist: height of the middle of B, E, F, H, P, R, S, 3, 8.
        spur: by how much the bars of B, D, P, R stand out to the left of their stem.
        slant: by how much the top is to the right of the bottom.
        rounded: whether strokes end round.
    """

    letter: float = 60
    digit: float = 56
    pen: float = 12
    corner: float = 1.0
    tall: float = 1.0
    exponent: float = 2.0
    zero: float = 1.0
    oh: float = 1.0
    oval: float = 1.0
    mark: str = ""
    one: str = "flag"
    three: str = "round"
    four: str = "closed"
    six: str = "curled"
    seven: str = "plain"
    eye: str = "plain"
    jay: str = "hook"
    em: float = 0.6
    peak: float = 0.32
    leg: str = "stem"
    tail: str = "long"
    arms: str = "apart"
    chin: str = "bar"
    fork: float = 0.52
    tie: float = 0.7
    waist: float = 0.48
    spur: float = 0.0
    slant: float = 0.0
    rounded: bool = True

    def width(self, character: str) -> float:
        """Of the box of *character*."""
        if character.isdigit():
            return self.digit * {
                "0": self.zero,
                "1": {"plain": 0.3, "flag": 0.55, "foot": 0.72}[self.one],
            }.get(character, 1.0)
        base = ACCENTED.get(character, STROKED.get(character, character))[0]
        wide = {"I": 0.28 if self.eye == "plain" else 0.55, "J": 0.85, "L": 0.9, "E": 0.92, "F": 0.9}
        wide |= {"M": 1.18, "W": 1.3, "Æ": 1.35, "O": self.oh, "Q": self.oh}
        return max(self.letter * wide.get(base, 1.0), self.pen * 1.02)


@dataclass(frozen=True)
class _Box:
    """Draws in 0–*w* × 0–`H`, centre lines of the pen."""

    d: Design
    w: float

    def bend(self, width: float, room: float, oval: float = 1.0) -> tuple[float, float]:
        """Half axes of a bend in a shape of *width* with *room* in height for it."""
        rx = self.d.corner * width / 2
        return rx, min(rx * self.d.tall * oval, room)

    def arc(self, cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> Stroke:
        """Part of a superellipse; degrees clockwise from three o'clock, y downwards."""
        power = 2.0 / self.d.exponent

        def reach(value: float) -> float:
            return copysign(abs(value) ** power, value)

        turns = [(start + (end - start) * i / 10) * pi / 180 for i in range(11)]
        return [(cx + rx * reach(cos(a)), cy + ry * reach(sin(a))) for a in turns]

    def corners(
        self, left: float, top: float, right: float, bottom: float, oval: float = 1.0
    ) -> list[Stroke]:
        """The four bends of a ring: top left, top right, bottom right, bottom left, clockwise each."""
        rx, ry = self.bend(right - left, (bottom - top) / 2, oval)
        return [
            self.arc(left + rx, top + ry, rx, ry, 180, 270),
            self.arc(right - rx, top + ry, rx, ry, 270, 360),
            self.arc(right - rx, bottom - ry, rx, ry, 0, 90),
            self.arc(left + rx, bottom - ry, rx, ry, 90, 180),
        ]

    def ring(self, left: float, top: float, right: float, bottom: float, oval: float = 1.0) -> Stroke:
        path = [p for bend in self.corners(left, top, right, bottom, oval) for p in bend]
        return [*path, path[0]]

    def bowl(self, top: float, right: float, bottom: float) -> Stroke:
        """From the stem around and back to it."""
        _, upper, lower, _ = self.corners(0.1 * self.w, top, right, bottom)
        return [(-self.d.spur, top), *upper, *lower, (-self.d.spur, bottom)]

    def digit(self, c: str) -> list[Stroke]:
        d, w = self.d, self.w
        m = H * d.waist
        tl, tr, br, bl = self.corners(0, 0, w, H)
        match c:
            case "0":
                strokes = [self.ring(0, 0, w, H)]
                if d.mark == "slash":
                    strokes.append([(w * 0.18, H * 0.8), (w * 0.82, H * 0.2)])
                elif d.mark == "dot":
                    strokes.append([(w / 2, H * 0.46), (w / 2, H * 0.54)])
                elif d.mark == "notch":
                    strokes = [[*br, *bl, *tl, *tr[:5]], [(w, H * 0.24), br[0]]]
                return strokes
            case "1":
                stem = [(w, 0.0), (w, H)]
                if d.one == "plain":
                    return [[(w / 2, 0), (w / 2, H)]]
                if d.one == "foot":
                    return [[(0, H * 0.2), (w / 2, 0), (w / 2, H)], [(0, H), (w, H)]]
                return [[(0, H * 0.18), *stem]]
            case "2":
                bent = [tl[0], *tl, *tr]
                if d.exponent > 2.6:
                    return [[*bent, (w, H * 0.36), (0, H * 0.93), (0, H), (w, H)]]
                return [[*bent, (w * 0.96, H * 0.36), (w * 0.8, H * 0.5), (0, H), (w, H)]]
            case "3":
                lower = self.corners(0, m, w, H)
                if d.three == "flat":
                    return [[(0, 0), (w, 0), (w * 0.42, m * 0.9), *lower[1], *lower[2], *lower[3]]]
                upper = self.corners(w * 0.06, 0, w * 0.94, m)
                first = [*upper[0], *upper[1], *upper[2], (w * 0.35, m)]
                return [first, [(w * 0.35, m), *lower[1], *lower[2], *lower[3]]]
            case "4":
                y, x = H * 0.74, w * 0.76
                if d.four == "open":
                    return [[(w * 0.42, 0), (0, y), (w, y)], [(x, H * 0.42), (x, H)]]
                return [[(x, H), (x, 0), (0, y), (w, y)]]
            case "5":
                lower = self.corners(0, H * 0.38, w, H)
                flag = [(w * 0.95, 0.0), (w * 0.06, 0.0), (w * 0.02, H * 0.47), (w * 0.2, H * 0.39)]
                return [[*flag, (w * 0.5, H * 0.38), *lower[1], *lower[2], *lower[3]]]
            case "6" | "9":
                top = H * 0.4
                bowl = self.ring(0, top, w, H)
                if d.six == "straight":
                    strokes = [[(w * 0.72, 0), (w * 0.06, H * 0.55)], bowl]
                elif d.six == "stem":
                    strokes = [[(w * 0.85, 0), *tl[::-1], (0, H * 0.7)], bowl]
                else:
                    strokes = [[*tr[::-1], *tl[::-1], (0, H * 0.7)], bowl]
                if c == "9":
                    return [[(w - x, H - y) for x, y in s] for s in strokes]
                return strokes
            case "7":
                if d.seven == "serif":
                    return [[(0, H * 0.12), (0, 0), (w, 0), (w * 0.35, H)]]
                if d.seven == "bent":
                    return [[(0, 0), (w, 0), (w, H * 0.06), (w * 0.48, H * 0.55), (w * 0.38, H)]]
                return [[(0, 0), (w, 0), (w * 0.32, H)]]
            case _:
                # However square a type is, 8 is pinched at its waist; else it would be a B.
                pinched = replace(d, corner=max(d.corner, 0.95), exponent=min(d.exponent, 2.2))
                box = _Box(pinched, w)
                return [box.ring(w * 0.06, 0, w * 0.94, m), box.ring(0, m, w, H)]

    def letter(self, c: str) -> list[Stroke]:
        d, w = self.d, self.w
        m = H * d.waist
        oval = d.oval if c in "OQ" else 1.0
        tl, tr, br, bl = self.corners(0, 0, w, H, oval)
        stem = [(0.0, 0.0), (0.0, H)]
        match c:
            case "A":
                a, x, y = w * 0.06, w * 0.52 * (1 - d.tie), H * d.tie
                return [[(0, H), (w / 2 - a, 0), (w / 2 + a, 0), (w, H)], [(x, y), (w - x, y)]]
            case "B":
                return [stem, self.bowl(0, w * 0.94, m), self.bowl(m, w, H)]
            case "C":
                return [[(w, H * 0.27), *tr[::-1], *tl[::-1], *bl[::-1], *br[::-1], (w, H * 0.73)]]
            case "D":
                return [stem, [(-d.spur, 0), *tr, *br, (-d.spur, H)]]
            case "E":
                return [[(w, 0), (0, 0), (0, H), (w, H)], [(0, m), (w * 0.88, m)]]
            case "F":
                return [[(w, 0), (0, 0), (0, H)], [(0, m), (w * 0.88, m)]]
            case "G":
                g = H * 0.54
                ring = [(w, H * 0.27), *tr[::-1], *tl[::-1], *bl[::-1], *br[::-1]]
                if d.chin == "stub":
                    return [[*ring, (w, H * 0.6)], [(w * 0.7, H * 0.6), (w, H * 0.6)]]
                chin = [[*ring, (w, g), (w * 0.52, g)]]
                return [*chin, [(w, g), (w, H)]] if d.chin == "spur" else chin
            case "H":
                return [stem, [(w, 0), (w, H)], [(0, m), (w, m)]]
            case "I":
                strokes = [[(w / 2, 0.0), (w / 2, H)]]
                return strokes + ([[(0, 0), (w, 0)], [(0, H), (w, H)]] if d.eye == "slab" else [])
            case "J":
                hook = [(w, 0), *br, *bl]
                return [hook, [(w * 0.3, 0), (w, 0)]] if d.jay == "bar" else [hook]
            case "K":
                if d.arms == "together":
                    return [stem, [(w, 0), (0, H * 0.5), (w, H)]]
                return [stem, [(w, 0), (0, H * 0.6)], [(w * 0.34, H * 0.41), (w, H)]]
            case "L":
                return [[(0, 0), (0, H), (w, H)]]
            case "M":
                return [[(0, H), (0, 0), (w / 2, H * d.em), (w, 0), (w, H)]]
            case "N":
                return [[(0, H), (0, 0), (w, H), (w, 0)]]
            case "O":
                return [self.ring(0, 0, w, H, oval)]
            case "P":
                return [stem, self.bowl(0, w, H * (d.waist + 0.06))]
            case "Q":
                tail = {
                    "long": [(w * 0.56, H * 0.72), (w * 1.02, H * 1.02)],
                    "short": [(w * 0.68, H * 0.82), (w, H)],
                    "inner": [(w * 0.48, H * 0.7), (w * 0.8, H * 0.92)],
                    "down": [(w * 0.62, H * 0.78), (w * 0.62, H)],
                }[d.tail]
                return [self.ring(0, 0, w, H, oval), tail]
            case "R":
                y = H * (d.waist + 0.06)
                leg = {
                    "stem": [(w * 0.45, y), (w, H)],
                    "bowl": [(w * 0.7, y), (w, H)],
                    "upright": [(w * 0.6, y), (w * 0.94, y + H * 0.12), (w * 0.96, H)],
                }[d.leg]
                return [stem, self.bowl(0, w, y), leg]
            case "S":
                upper, lower = self.corners(0, 0, w, m), self.corners(0, m, w, H)
                first = [(w, H * 0.24), *upper[1][::-1], *upper[0][::-1], *upper[3][::-1]]
                return [[*first, *lower[1], *lower[2], *lower[3], (0, H * 0.76)]]
            case "T":
                return [[(0, 0), (w, 0)], [(w / 2, 0), (w / 2, H)]]
            case "U":
                return [[(0, 0), *bl[::-1], *br[::-1], (w, 0)]]
            case "V":
                return [[(0, 0), (w * 0.47, H), (w * 0.53, H), (w, 0)]]
            case "W":
                y = H * d.peak
                return [[(0, 0), (w * 0.25, H), (w / 2, y), (w * 0.75, H), (w, 0)]]
            case "X":
                return [[(0, 0), (w, H)], [(w, 0), (0, H)]]
            case "Y":
                y = H * d.fork
                return [[(0, 0), (w / 2, y), (w, 0)], [(w / 2, y), (w / 2, H)]]
            case "Z":
                return [[(0, 0), (w, 0), (0, H), (w, H)]]
            case "Æ":
                x = w * 0.55
                bars: list[Stroke] = [[(x, m), (w * 0.9, m)], [(x * 0.22, H * 0.7), (x, H * 0.7)]]
                return [[(0, H), (x * 0.8, 0), (w, 0)], [(x, 0), (x, H), (w, H)], *bars]
            case _:
                raise KeyError(c)


def strokes(character: str, design: Design, width: float) -> list[Stroke]:
    """Centre lines of *character* in a box *width* wide and `H` high.

    Raises:
        KeyError: it is none of `CHARACTERS`.
    """
    box = _Box(design, width)
    if character.isdigit():
        return box.digit(character)
    if character in ACCENTED:
        base, mark = tuple(ACCENTED[character])
        low = [[(x, 0.24 * H + 0.76 * y) for x, y in s] for s in box.letter(base)]
        c, y = width / 2, 0.0
        marks: dict[str, list[Stroke]] = {
            "¨": [[(width * 0.24, y), (width * 0.26, y)], [(width * 0.74, y), (width * 0.76, y)]],
            "°": [box.arc(c, 5, 7, 7, 0, 360)],
            "ˇ": [[(c - 11, y - 2), (c, y + 7), (c + 11, y - 2)]],
            "´": [[(c + 8, y - 2), (c - 4, y + 7)]],
        }
        return low + marks[mark]
    if character in STROKED:
        through = [(0, H), (width, 0)] if character == "Ø" else [(-10.0, H / 2), (width * 0.45, H / 2)]
        return [*box.letter(STROKED[character]), list(through)]
    return box.letter(character)


def draw(character: str, design: Design, height: int) -> Image:
    """Coverage uint8[height,W] of *character*, W in the proportion of `Design.width`.

    Raises:
        KeyError: it is none of `CHARACTERS`.
    """
    outer = design.width(character)
    fine, fraction = 4, 16
    scale = height * fine / H
    pen = design.pen
    lean = abs(design.slant) * H
    canvas = np.zeros((height * fine, max(round((outer + lean) * scale), fine)), np.uint8)
    inner = max(outer - pen, 0.01)
    # What stands out to the left of a stem is taken from the character's width.
    spur = design.spur if character in "BDPR" else 0.0
    shapes = strokes(character, design, max(inner - spur, 0.01))
    squeeze = (H - pen) / H
    for shape in shapes:
        path = [
            (x + spur + pen / 2 + design.slant * (H / 2 - y) + lean / 2, y * squeeze + pen / 2)
            for x, y in shape
        ]
        points = np.round(np.array(path) * scale * fraction).astype(np.int32)
        cv2.polylines(canvas, [points], False, 255, max(round(pen * scale), 1), cv2.LINE_AA, 4)
    if not design.rounded:
        canvas = _square_ends(canvas, shapes, design, spur, scale)
    size = (max(canvas.shape[1] // fine, 1), height)
    return np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.uint8)


def _square_ends(canvas: Image, shapes: list[Stroke], design: Design, spur: float, scale: float) -> Image:
    """The picture with its open ends cut square: half a pen of rectangle where the round end is."""
    half, squeeze, lean = design.pen / 2, (H - design.pen) / H, abs(design.slant) * H
    for shape in shapes:
        if shape[0] == shape[-1]:
            continue
        placed = np.array(
            [(x + spur + half + design.slant * (H / 2 - y) + lean / 2, y * squeeze + half) for x, y in shape]
        )
        for end, inner in ((placed[0], placed[1:]), (placed[-1], placed[-2::-1])):
            ahead = next((end - p for p in inner if np.hypot(*(end - p)) > 1e-3), None)
            if ahead is None:
                continue
            ahead = ahead / np.hypot(*ahead) * half
            side = np.array([-ahead[1], ahead[0]])
            corners = np.array([end + side, end + side + ahead, end - side + ahead, end - side])
            cv2.fillConvexPoly(canvas, np.round(corners * scale * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    return canvas
