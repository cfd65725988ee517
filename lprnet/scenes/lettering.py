"""Lines of characters as masks, from the glyphs of plates."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lprnet.network.alphabet import DIGITS, PROVINCES
from lprnet.plates.glyphs import LATIN_STYLES, glyph, is_chinese

Mask = NDArray[np.uint8]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VOWELS, _CONSONANTS = "AEIOU", "BCDFGHKLMNPRSTVZ"
_WIDTHS = {" ": 0.5, "-": 0.6, ".": 0.4, ":": 0.4, "/": 0.6, "I": 0.5, "1": 0.7}
"""Of what is narrower than a letter, in letters."""


def pick(rng: Generator, choices: str) -> str:
    return choices[int(rng.integers(len(choices)))]


def word(rng: Generator, shortest: int = 3, longest: int = 10) -> str:
    """A pronounceable word in capitals."""
    length = int(rng.integers(shortest, longest + 1))
    parts = (_CONSONANTS, _VOWELS) if rng.random() < 0.7 else (_VOWELS, _CONSONANTS)
    return "".join(pick(rng, parts[i % 2]) for i in range(length))


def fill(rng: Generator, pattern: str) -> str:
    """*pattern* with its places filled: `@` a letter, `#` a digit, `?` either, `*` Chinese, `~` a word."""
    text = ""
    for place in pattern:
        match place:
            case "@":
                text += pick(rng, LETTERS)
            case "#":
                text += pick(rng, DIGITS)
            case "?":
                text += pick(rng, LETTERS + DIGITS)
            case "*":
                text += pick(rng, PROVINCES)
            case "~":
                text += word(rng)
            case _:
                text += place
    return text


def line(text: str, style: int, width: int, height: int, spacing: float = 0.12) -> Mask:
    """Coverage uint8[height,width] of *text*, centred, as wide as fits and no character wider than 0.7 high.

    Args:
        text: Latin letters, digits, the characters of Chinese plates, and ` -.:/`.
        style: of the Latin glyphs, 0 to `LATIN_STYLES` - 1.
        width: px.
        height: px, that of a letter.
        spacing: gap between characters, in letters.
    """
    mask = np.zeros((height, width), np.uint8)
    units = [1.4 if is_chinese(c) else _WIDTHS.get(c, 1.0) for c in text]
    unit = min(width / max(sum(units) + spacing * (len(text) - 1), 1), 0.7 * height)
    x = (width - unit * (sum(units) + spacing * (len(text) - 1))) / 2
    for character, share in zip(text, units, strict=True):
        left, right = round(x), min(max(round(x + unit * share), round(x) + 1), width)
        x += unit * (share + spacing)
        if left >= right or character == " ":
            continue
        mask[:, left:right] = _cell(character, style, right - left, height)
    return mask


def _cell(character: str, style: int, width: int, height: int) -> Mask:
    if character not in "-.:/":
        return glyph(character, min(style, 4) if is_chinese(character) else style, width, height)
    mask = np.zeros((height, width), np.uint8)
    stroke = max(height // 8, 1)
    if character == "-":
        mask[height // 2 : height // 2 + stroke] = 255
    elif character == "/":
        rows = np.arange(height)
        mask[rows, ((height - 1 - rows) * width) // height] = 255
    else:
        mask[-stroke:, width // 4 : max(width - width // 4, 1)] = 255
        if character == ":":
            mask[height // 4 : height // 4 + stroke, width // 4 : max(width - width // 4, 1)] = 255
    return mask


def any_style(rng: Generator) -> int:
    return int(rng.integers(LATIN_STYLES))
