"""Plates of many countries as a locator sees them: proportions, colours, rows and small print.

What stands on them is random and fits no country's rules: these plates are to be found more than to be read.
Sizes are those that the countries' rules state, as far as a plate's shape shows in a photograph.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.plates.layout import Color
from lprnet.plates.shares import Shares
from lprnet.scenes.face import Face
from lprnet.scenes.lettering import any_style, fill, line, word
from lprnet.scenes.scene import Floats

SCALE = 0.55
"""px per mm: a 520 mm plate is 286 px wide."""

WHITE, BLACK, YELLOW, GREY = (236, 236, 236), (28, 28, 28), (40, 190, 240), (150, 150, 148)
RED, BLUE, GREEN, SILVER = (40, 40, 190), (160, 60, 20), (70, 120, 30), (200, 202, 200)


READ_FROM = 0.3
"""Height of a line of text in shares of the plate from which on it is read; the rest is small print."""


@dataclass(frozen=True)
class Print:
    """A line of text.

    Attributes:
        patterns: for `lettering.fill`; one is chosen.
        box: left, top, right, bottom in shares of the plate.
        share: how often it is there.
        ink: its colour; the plate's ink if None.
    """

    patterns: tuple[str, ...]
    box: tuple[float, float, float, float]
    share: float = 1.0
    ink: Color | None = None

    @property
    def read(self) -> bool:
        """Whether it is part of what the plate reads."""
        return self.box[3] - self.box[1] > READ_FROM


@dataclass(frozen=True)
class Strip:
    """A coloured strip across the plate: left, top, right, bottom in shares of it, and how often."""

    box: tuple[float, float, float, float]
    color: Color
    share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Design:
    """A family of plates that look alike.

    Attributes:
        name: of the family.
        size: width and height in mm.
        paints: ground and ink, one pair is chosen.
        prints: lines of text.
        rows: of characters that are read, 1 or 2; small print does not count.
        strips: coloured strips under the text.
        art: share with a picture or gradient as ground.
        frame: share with a dealer's frame around, whose lettering covers the plate's margin.
        share: of all plates of the world.
    """

    name: str
    size: tuple[float, float]
    paints: tuple[tuple[Color, Color], ...]
    prints: tuple[Print, ...]
    rows: int = 1
    strips: tuple[Strip, ...] = ()
    art: float = 0.0
    frame: float = 0.08
    share: float = 1.0


_STATES: tuple[tuple[Color, Color], ...] = (
    (WHITE, (110, 50, 20)),
    (WHITE, BLACK),
    (WHITE, RED),
    (WHITE, GREEN),
    (YELLOW, BLACK),
    (BLACK, YELLOW),
)
_STATES += ((BLUE, WHITE), (GREEN, WHITE), ((200, 225, 240), (90, 40, 30)))
_EU_STRIP = Strip((0, 0, 0.085, 1), (150, 52, 5), 0.6)
_BAND_LETTERS = Print(("@", "@@"), (0.01, 0.66, 0.075, 0.9), 0.8, WHITE)

DESIGNS: tuple[Design, ...] = (
    Design(
        name="us",
        size=(305, 152),
        paints=_STATES,
        prints=(
            Print(("~", "~", "~ ~"), (0.2, 0.05, 0.8, 0.21), 0.92),
            Print(
                ("@@@ ####", "###-@@@", "#@@@###", "@@@ ###", "?????? ", "@@ #####", "###  @@#", "~"),
                (0.05, 0.29, 0.95, 0.76),
            ),
            Print(("~ ~ ~", "~ ~", "~.~"), (0.22, 0.84, 0.78, 0.95), 0.75),
            Print(("##", "@@@"), (0.03, 0.05, 0.13, 0.2), 0.5),
            Print(("##", "####"), (0.87, 0.05, 0.97, 0.2), 0.5),
        ),
        strips=(
            Strip((0, 0, 1, 0.24), (120, 70, 40), 0.12),
            Strip((0, 0, 1, 0.24), (50, 50, 190), 0.08),
            Strip((0, 0.8, 1, 1), (120, 70, 40), 0.1),
            Strip((0.03, 0.05, 0.13, 0.2), (60, 170, 220), 0.3),
            Strip((0.87, 0.05, 0.97, 0.2), (60, 60, 200), 0.4),
        ),
        art=0.5,
        frame=0.4,
        share=22,
    ),
    Design(
        name="brazil-old",
        size=(400, 130),
        paints=((SILVER, BLACK), (GREY, BLACK), ((180, 184, 180), (40, 40, 40)), (RED, WHITE)),
        prints=(
            Print(("@@ - ~", "@@-~ ~"), (0.12, 0.05, 0.88, 0.2)),
            Print(("@@@-####", "@@@ ####", "@@@.####"), (0.04, 0.28, 0.96, 0.9)),
        ),
        share=8,
    ),
    Design(
        name="mercosur",
        size=(400, 130),
        paints=((WHITE, BLACK), (WHITE, BLACK), (WHITE, RED), (WHITE, BLUE)),
        prints=(
            Print(("~",), (0.35, 0.04, 0.65, 0.19), 1.0, WHITE),
            Print(("@@@#@##", "@@ ###@@", "@@@ ####"), (0.06, 0.3, 0.96, 0.93)),
        ),
        strips=(Strip((0, 0, 1, 0.23), (150, 52, 5)),),
        share=6,
    ),
    Design(
        name="britain",
        size=(520, 111),
        paints=((WHITE, BLACK), (YELLOW, BLACK)),
        prints=(
            Print(("@@## @@@", "@### @@@", "@@@ ###@"), (0.1, 0.16, 0.97, 0.82)),
            Print(("~ ~",), (0.35, 0.88, 0.65, 0.96), 0.5),
            _BAND_LETTERS,
        ),
        strips=(replace(_EU_STRIP, share=0.35),),
        share=8,
    ),
    Design(
        name="europe",
        size=(520, 110),
        paints=((WHITE, BLACK), (WHITE, BLACK), (YELLOW, BLACK), (WHITE, RED), (WHITE, BLUE), (WHITE, GREEN)),
        prints=(
            Print(
                (
                    "@@ ###@@",
                    "@@-###-@@",
                    "#@@ ####",
                    "@@@ ###",
                    "@ ##### ",
                    "### @@",
                    "@@ #### @@",
                    "#### @@@",
                    "@-@@@-##",
                ),
                (0.11, 0.15, 0.96, 0.85),
            ),
            _BAND_LETTERS,
        ),
        strips=(_EU_STRIP, Strip((0.915, 0, 1, 1), (150, 52, 5), 0.15)),
        frame=0.3,
        share=14,
    ),
    Design(
        name="europe-two-row",
        size=(340, 200),
        paints=((WHITE, BLACK), (WHITE, BLACK), (YELLOW, BLACK)),
        prints=(
            Print(("@@ ##", "@ @@", "@@-@@", "###", "@@@"), (0.18, 0.08, 0.92, 0.46)),
            Print(("####", "### @", "@@ ##", "@ ###", "####@"), (0.1, 0.54, 0.9, 0.92)),
            Print(("@",), (0.02, 0.3, 0.1, 0.42), 0.5, WHITE),
        ),
        rows=2,
        strips=(Strip((0, 0, 0.12, 0.46), (150, 52, 5), 0.6),),
        share=7,
    ),
    Design(
        name="motorcycle",
        size=(220, 190),
        paints=((WHITE, BLACK), (YELLOW, BLACK), (GREY, BLACK), (BLUE, WHITE)),
        prints=(
            Print(("@@@", "@@ #", "###", "*@", "@@"), (0.12, 0.08, 0.92, 0.46)),
            Print(("####", "#####", "@ ##", "@ ###", "?????"), (0.06, 0.54, 0.94, 0.93)),
        ),
        rows=2,
        strips=(Strip((0, 0, 0.14, 0.46), (150, 52, 5), 0.3),),
        share=4,
    ),
    Design(
        name="japan",
        size=(330, 165),
        paints=((WHITE, GREEN), (YELLOW, BLACK), (GREEN, WHITE), (BLACK, YELLOW)),
        prints=(
            Print(("** ###", "** ##", "* ###"), (0.26, 0.08, 0.74, 0.33)),
            Print(("##-##", ".###", "#-##"), (0.2, 0.42, 0.96, 0.93)),
            Print(("*",), (0.03, 0.55, 0.16, 0.8)),
        ),
        rows=2,
        share=5,
    ),
    Design(
        name="india",
        size=(500, 120),
        paints=((WHITE, BLACK), (WHITE, BLACK), (YELLOW, BLACK), (GREEN, WHITE), (BLACK, YELLOW)),
        prints=(
            Print(("@@ ## @@ ####", "@@##@@####", "@@-##-@-####", "@@ ## ####"), (0.05, 0.18, 0.97, 0.84)),
            Print(("@@@",), (0.005, 0.75, 0.05, 0.86), 0.4, BLUE),
        ),
        share=4,
    ),
    Design(
        name="india-two-row",
        size=(340, 200),
        paints=((WHITE, BLACK), (YELLOW, BLACK), (BLACK, YELLOW)),
        prints=(
            Print(("@@-## ", "@@ ##@", "@@##"), (0.12, 0.09, 0.88, 0.46)),
            Print(("####", "@ ####", "@@ ####"), (0.08, 0.54, 0.92, 0.92)),
        ),
        rows=2,
        share=3,
    ),
    Design(
        name="korea",
        size=(520, 110),
        paints=((WHITE, BLACK), ((225, 240, 230), BLACK), (YELLOW, BLACK)),
        prints=(Print(("##* ####", "###* ####"), (0.08, 0.13, 0.96, 0.87)),),
        strips=(Strip((0, 0, 0.08, 1), (150, 90, 30), 0.3),),
        share=3,
    ),
    Design(
        name="russia",
        size=(520, 112),
        paints=((WHITE, BLACK), (YELLOW, BLACK)),
        prints=(
            Print(("@###@@",), (0.03, 0.16, 0.76, 0.88)),
            Print(("##", "###"), (0.8, 0.1, 0.97, 0.6)),
            Print(("@@@",), (0.8, 0.72, 0.92, 0.9)),
        ),
        strips=(Strip((0.772, 0.0, 0.782, 1), BLACK),),
        share=3,
    ),
    Design(
        name="arab",
        size=(520, 110),
        paints=((WHITE, BLACK), (WHITE, RED), (YELLOW, BLACK), (BLUE, WHITE)),
        prints=(
            Print(("####", "#####", "## ###"), (0.05, 0.1, 0.55, 0.52)),
            Print(("****", "***"), (0.05, 0.55, 0.55, 0.94)),
            Print(("@@@", "@ @ @"), (0.62, 0.12, 0.96, 0.9)),
        ),
        strips=(Strip((0.575, 0, 0.585, 1), BLACK, 0.7), Strip((0.93, 0, 1, 1), (70, 140, 20), 0.3)),
        rows=2,
        share=2,
    ),
    Design(
        name="australia",
        size=(372, 134),
        paints=((WHITE, BLACK), (YELLOW, BLACK), (WHITE, GREEN), (WHITE, (110, 40, 90)), (BLACK, WHITE)),
        prints=(
            Print(("@@@ ###", "###.@@@", "@@ ## @@", "@##@@"), (0.05, 0.14, 0.95, 0.76)),
            Print(("~ - ~ ~", "~ ~"), (0.15, 0.84, 0.85, 0.95), 0.8),
        ),
        art=0.1,
        share=4,
    ),
    Design(
        name="mexico",
        size=(300, 150),
        paints=((WHITE, BLACK), (WHITE, GREEN), (WHITE, RED)),
        prints=(
            Print(("~", "~ ~"), (0.1, 0.04, 0.9, 0.2), 0.9),
            Print(("@@@-###-@", "@@-##-###", "@@@ ####"), (0.04, 0.3, 0.96, 0.74)),
            Print(("~ ~", "~"), (0.2, 0.82, 0.8, 0.95), 0.8),
        ),
        strips=(Strip((0, 0, 1, 0.24), (60, 130, 40), 0.3), Strip((0, 0.78, 1, 1), (50, 50, 180), 0.3)),
        art=0.6,
        frame=0.25,
        share=4,
    ),
    Design(
        name="us-motorcycle",
        size=(178, 102),
        paints=_STATES,
        prints=(
            Print(("~",), (0.2, 0.05, 0.8, 0.2), 0.9),
            Print(("@####", "##@###", "#####"), (0.06, 0.32, 0.94, 0.88)),
        ),
        art=0.3,
        share=2,
    ),
    Design(
        name="long-plain",
        size=(480, 100),
        paints=(
            (WHITE, BLACK),
            (BLACK, WHITE),
            (BLACK, SILVER),
            (YELLOW, BLACK),
            (BLUE, WHITE),
            (RED, WHITE),
            (GREEN, WHITE),
        ),
        prints=(Print(("@ ####", "@@@ ####", "###-###", "@## @@@", "######"), (0.06, 0.14, 0.94, 0.86)),),
        share=5,
    ),
)

_SHARES = Shares(np.cumsum([d.share for d in DESIGNS]) / sum(d.share for d in DESIGNS) * (1 + 1e-12))


def random_world_plate(rng: Generator, design: Design | None = None) -> Face:
    """A plate at `SCALE`; of any design if None."""
    design = design or DESIGNS[_SHARES.draw(rng)]
    width = round(design.size[0] * SCALE * rng.uniform(0.97, 1.03))
    height = round(design.size[1] * SCALE * rng.uniform(0.95, 1.05))
    ground, ink = design.paints[int(rng.integers(len(design.paints)))]
    image = np.empty((height, width, 3), np.float32)
    image[:] = _varied(rng, ground, 12)
    if rng.random() < design.art:
        _art(rng, image)
    for strip in design.strips:
        if rng.random() < strip.share:
            left, top, right, bottom = _pixels(strip.box, width, height)
            image[top:bottom, left:right] = _varied(rng, strip.color, 14)
    style, paint, reading = any_style(rng), _varied(rng, ink, 12), ""
    for text in design.prints:
        if rng.random() >= text.share:
            continue
        color = paint if text.ink is None else _varied(rng, text.ink, 10)
        written = _write(rng, image, text, style, color)
        if text.read:
            reading += "".join(filter(str.isalnum, written))
    if rng.random() < 0.45:
        inset, thickness = int(rng.integers(1, 5)), int(rng.integers(1, 3))
        corner = (width - 1 - inset, height - 1 - inset)
        cv2.rectangle(image, (inset, inset), corner, tuple(map(float, paint)), thickness)
    _mount(rng, image)
    if rng.random() < design.frame:
        _dealer_frame(rng, image)
    return Face(np.clip(image, 0, 255).astype(np.uint8), design.rows, reading, design.name)


def _varied(rng: Generator, color: Color, amount: float) -> Floats:
    return np.clip(np.array(color, np.float32) + rng.normal(0, amount, 3), 0, 255).astype(np.float32)


def _pixels(box: tuple[float, float, float, float], width: int, height: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    return (
        round(left * width),
        round(top * height),
        max(round(right * width), 1),
        max(round(bottom * height), 1),
    )


def _write(rng: Generator, image: Floats, text: Print, style: int, color: Floats) -> str:
    """A line of text, in place, and what it says; its box moves and shrinks a little from plate to plate."""
    left, top, right, bottom = _pixels(text.box, image.shape[1], image.shape[0])
    shrink = rng.uniform(0, 0.08)
    top, bottom = top + round(shrink * (bottom - top)), bottom - round(shrink * (bottom - top))
    pattern = text.patterns[int(rng.integers(len(text.patterns)))]
    written = fill(rng, pattern).strip()
    mask = line(written, style, max(right - left, 4), max(bottom - top, 3), rng.uniform(0.08, 0.25))
    place = image[top : top + mask.shape[0], left : left + mask.shape[1]]
    alpha = mask[: place.shape[0], : place.shape[1], None] * np.float32(rng.uniform(0.85, 1) / 255)
    place += (color - place) * alpha
    return written


def _art(rng: Generator, image: Floats) -> None:
    """A gradient, a landscape or an emblem behind the characters, in place."""
    height, width = image.shape[:2]
    field = rng.uniform(110, 255, (int(rng.integers(2, 5)), int(rng.integers(1, 5)), 3)).astype(np.float32)
    picture = np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    if rng.random() < 0.5:
        x = np.linspace(0, 1, 8) * width
        y = height * (rng.uniform(0.4, 0.8) + rng.normal(0, 0.08, 8))
        ridge = np.concatenate([np.stack([x, y], 1), [[width, height], [0, height]]]).astype(np.int32)
        cv2.fillPoly(picture, [ridge], tuple(map(float, rng.uniform(90, 235, 3))))
    if rng.random() < 0.5:
        center = (round(width * rng.uniform(0.35, 0.65)), round(height * rng.uniform(0.4, 0.6)))
        axes = (round(width * rng.uniform(0.04, 0.12)), round(height * rng.uniform(0.12, 0.35)))
        cv2.ellipse(
            picture, center, axes, 0, 0, 360, tuple(map(float, rng.uniform(60, 235, 3))), -1, cv2.LINE_AA
        )
    image += (picture - image) * np.float32(rng.uniform(0.25, 0.9))


def _mount(rng: Generator, image: Floats) -> None:
    """Bolts, stickers and an embossed rim, in place."""
    height, width = image.shape[:2]
    if rng.random() < 0.6:
        color = tuple(map(float, _varied(rng, GREY, 50)))
        radius = max(round(height * rng.uniform(0.02, 0.045)), 1)
        rows = (0.1, 0.9) if rng.random() < 0.5 else (rng.uniform(0.08, 0.5),)
        for y in rows:
            for x in (0.22, 0.78):
                cv2.circle(image, (round(x * width), round(y * height)), radius, color, -1, cv2.LINE_AA)
    if rng.random() < 0.15:
        size = round(height * rng.uniform(0.1, 0.22))
        x, y = int(rng.integers(0, width - size)), int(rng.integers(0, height - size))
        image[y : y + size, x : x + size] = rng.uniform(20, 240, 3).astype(np.float32)


def _dealer_frame(rng: Generator, image: Floats) -> None:
    """A frame whose sides cover the plate's margin, often with a word on it, in place."""
    height, width = image.shape[:2]
    color = _varied(rng, BLACK if rng.random() < 0.7 else SILVER, 20)
    side = round(height * rng.uniform(0.02, 0.07))
    top, bottom = (round(height * rng.uniform(0.03, 0.16)) for _ in range(2))
    image[:top], image[height - bottom :], image[:, :side], image[:, width - side :] = (
        color,
        color,
        color,
        color,
    )
    for at, size in ((0, top), (height - bottom, bottom)):
        if size >= 6 and rng.random() < 0.6:
            mask = line(f"{word(rng)} {word(rng)}", any_style(rng), width // 2, size - 3)
            place = image[at + 1 : at + 1 + mask.shape[0], width // 4 : width // 4 + mask.shape[1]]
            place += (rng.uniform(120, 250) - place) * (mask[:, :, None] / np.float32(255))
