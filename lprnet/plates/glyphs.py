"""Character masks from `glyphs.npz` (made by scripts/make_glyphs.py), resized once per size.

Styles of Latin letters and digits are numbers: first those stretched to the box of Chinese plates,
from `CUT` on the cuts of the faces in `faces.py`, from `TEXT` on those of the text fonts, the first of each
in its own proportions. Cuts and squarer bends are not in that file, but drawn when they are asked for.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.plates.faces import CUTS, FACES, cut
from lprnet.plates.letterforms import CHARACTERS, H
from lprnet.plates.letterforms import draw as draw_cut
from lprnet.plates.pixels import Image
from lprnet.plates.redraw import redrawn
from lprnet.plates.strokes import draw

LATIN_STYLES = 6
"""Four pens of the standard's strokes, thin to heavy, then two text fonts."""
SQUARER = ((7.5, 2.6), (9.0, 2.6), (7.5, 3.4), (9.0, 3.4), (10.5, 3.0))
"""Pens in mm and exponents of the bends (`strokes`) of the Latin styles from number `LATIN_STYLES` on."""
CHINESE_STYLES = 5
"""Noto Sans bold and regular, Micro Hei, Noto Sans medium and extra heavy."""
HANGUL_STYLES = 8
"""Those that FONTS.md names for Hangul."""
CUT, TEXT = 100, 10000
"""The first styles of cuts and of text fonts."""
TEXT_CUTS = 6
"""Cuts of a text font."""
_NAMES = tuple(FACES)
_HEIGHT = 64
"""px: of a cut character before it is resized; on a plate it has 40."""
_REDRAWN = (0.12, 0.09)
"""How far the cuts are redrawn (`redraw.redrawn`): less than Chinese characters, whose strokes are many."""
_WIDTHS = (0.7, 1.02)
"""Widths of a text font's cuts over its own."""


@cache
def _table() -> dict[str, Image]:
    with np.load(Path(__file__).with_name("glyphs.npz")) as file:
        found: dict[str, Image] = {}
        for kind in ("latin", "chinese", "hangul"):
            masks = file[kind]
            found |= {str(c): masks[:, i] for i, c in enumerate(file[f"{kind}_characters"])}
        return found


@cache
def _text_fonts() -> tuple[dict[str, Image], ...]:
    """Of each text font: character → coverage uint8[48,W]."""
    with np.load(Path(__file__).with_name("glyphs.npz")) as file:
        masks, characters = file["text"], [str(c) for c in file["text_characters"]]
        fonts, start = [], 0
        for ends in file["text_ends"]:
            parts = np.split(masks[:, start : start + ends[-1]], ends[:-1], axis=1)
            fonts.append(dict(zip(characters, parts, strict=True)))
            start += ends[-1]
        return tuple(fonts)


def face_styles(face: str) -> range:
    """The styles of *face*; "text" stands for the text fonts.

    Raises:
        ValueError: there is no such face.
    """
    if face == "text":
        return range(TEXT, TEXT + len(_text_fonts()) * TEXT_CUTS)
    first = CUT + _NAMES.index(face) * CUTS
    return range(first, first + CUTS)


def random_style(rng: Generator, face: str) -> int:
    """Any style of *face*."""
    styles = face_styles(face)
    return styles[int(rng.integers(len(styles)))]


@cache
def _natural(character: str, style: int) -> Image:
    """Coverage in the character's own proportions, of a style from `CUT` on.

    What a text font lacks is taken from a cut. Every other cut is redrawn, of a text font all but the first.
    """
    if style < TEXT:
        number = (style - CUT) % CUTS
        drawn = draw_cut(character, cut(_NAMES[(style - CUT) // CUTS], number), _HEIGHT)
        return _recut(drawn, character, style) if number % 2 else drawn
    font, number = divmod(style - TEXT, TEXT_CUTS)
    found = _text_fonts()[font].get(character)
    if found is None:
        return _natural(character, CUT + _NAMES.index("din") * CUTS)
    if number == 0:
        return found
    # Text is wider than what is pressed on plates.
    wide = np.random.default_rng([style]).uniform(*_WIDTHS)
    size = max(round(found.shape[1] * wide), 2), found.shape[0]
    narrow = np.asarray(cv2.resize(found, size, interpolation=cv2.INTER_AREA), np.uint8)
    return _recut(narrow, character, style)


def _recut(drawn: Image, character: str, style: int) -> Image:
    """*character* as that style alone has it."""
    return redrawn(np.random.default_rng([style, ord(character)]), drawn, *_REDRAWN)


def natural_width(character: str, style: int) -> float:
    """Width of *character* over its height in a style from `CUT` on.

    Raises:
        KeyError: no glyph for *character*.
    """
    if is_chinese(character):
        return 0.75
    if style >= TEXT:
        height, width = _natural(character, style).shape
        return width / height
    return cut(_NAMES[(style - CUT) // CUTS], (style - CUT) % CUTS).width(character) / H


def is_chinese(character: str) -> bool:
    """Whether *character* is none of the Latin letters, digits and marks."""
    return ord(character) > 0x3000


def is_hangul(character: str) -> bool:
    """Whether *character* is a syllable of Hangul."""
    return "\uac00" <= character <= "\ud7a3"


@cache
def _squarer(character: str, place: int) -> Image:
    """A character with squarer bends, before it is resized."""
    return draw(character, *SQUARER[place])


@lru_cache(maxsize=16384)
def glyph(character: str, style: int, width: int, height: int) -> Image:
    """Coverage uint8[height,width] of *character*.

    Args:
        character: to draw.
        style: less than `CHINESE_STYLES` of a Chinese character, than `HANGUL_STYLES` of Hangul, else less
            than `LATIN_STYLES`, beyond these a place in `SQUARER`, and from `CUT` on one of `face_styles`.
        width: of the mask, px.
        height: of the mask, px.

    Raises:
        KeyError: no glyph for *character*.
    """
    if is_chinese(character):
        masks = _table()[character]
        drawn = masks[style % len(masks)]
    elif style >= CUT:
        drawn = _natural(character, style)
    elif style >= LATIN_STYLES:
        drawn = _squarer(character, style - LATIN_STYLES)
    else:
        drawn = _table()[character][style]
    mask = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)
    result: Image = np.asarray(mask, np.uint8)
    result.setflags(write=False)
    return result


def has_glyph(character: str) -> bool:
    """Whether `glyph` can draw *character*."""
    return character in _table() or character in CHARACTERS
