"""A contact sheet of what goes wrong on whole photographs: plates missed or misread, boxes on no label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from device_runtime.locate.decode import Floats
from device_runtime.sinks.glyphs import CELL, LAST_LETTER, Glyphs, Mask, built_in, missing
from device_runtime.sinks.pictures import draw_text, text_width
from lprnet.evaluation.locator_sheet import (
    BLUE,
    GREEN,
    HEIGHT,
    RED,
    WIDTH,
    grid,
    moved,
    outline,
    surroundings,
)
from lprnet.evaluation.scenes import Outcome
from lprnet.plates.glyphs import glyph, has_glyph
from lprnet.plates.pixels import Image

ORANGE, WHITE = (0, 140, 255), (255, 255, 255)
BAND = 44
"""px below each picture, for a line of words and one of texts."""
_TEXT = 18


@dataclass(frozen=True, eq=False)
class _Error:
    """What went wrong at a place.

    Attributes:
        rank: the greatest is shown first.
        box: float32[4,2], px of the photograph.
        truth: text of the label, "" where there is none.
        read: text that was read, likewise.
    """

    rank: float
    outcome: Outcome
    box: Floats
    color: tuple[int, int, int]
    words: str
    truth: str
    read: str


def worst(outcomes: Sequence[Outcome], count: int, columns: int = 6) -> Image:
    """At most *count* missed plates (red, the widest first), misread ones (orange) and false boxes (blue).

    Both of the latter are shown the surest first. Below each picture are the label's text, white, and the one
    read, in the colour of its error. What else was found there is green. Among the false boxes are real
    plates that nobody labelled.
    """
    cells = []
    for errors in (_missed(outcomes), _misread(outcomes), _false(outcomes)):
        cells += [_cell(error) for error in sorted(errors, key=lambda error: -error.rank)[:count]]
    return grid(cells, columns) if cells else np.full((HEIGHT + BAND, WIDTH, 3), 255, np.uint8)


def _missed(outcomes: Sequence[Outcome]) -> Iterator[_Error]:
    for outcome in outcomes:
        for plate in outcome.plates:
            if plate.found is None:
                width = plate.label.width
                words = f"missed, {width:.0f} px wide" + (", but read" if plate.right else "")
                yield _Error(
                    width, outcome, _corners(plate.label.box), RED, words, plate.label.text or "", ""
                )


def _misread(outcomes: Sequence[Outcome]) -> Iterator[_Error]:
    for outcome in outcomes:
        for plate in outcome.plates:
            seen, text = plate.found, plate.label.text
            if text and not plate.right and seen is not None:
                words = f"not read, {plate.label.width:.0f} px wide"
                if seen.text:
                    words = f"misread, {seen.confidence:.2f}"
                yield _Error(seen.confidence, outcome, seen.corners, ORANGE, words, text, seen.text)


def _false(outcomes: Sequence[Outcome]) -> Iterator[_Error]:
    for outcome in outcomes:
        for seen in outcome.false:
            words = f"no label, score {seen.score:.2f}"
            words += f", read {seen.confidence:.2f}" if seen.text else ""
            # What was read is worse than what was only found.
            rank = seen.score + bool(seen.text)
            yield _Error(rank, outcome, seen.corners, BLUE, words, "", seen.text)


def _cell(error: _Error) -> Image:
    picture, matrix = surroundings(error.outcome.photograph.read(), error.box)
    for seen in error.outcome.seen:
        if seen.corners is not error.box:
            outline(picture, moved(seen.corners, matrix), GREEN)
    outline(picture, moved(error.box, matrix), error.color)
    cell = np.full((HEIGHT + BAND, WIDTH, 3), 30, np.uint8)
    cell[:HEIGHT] = picture
    cell[:, -1] = 255
    cv2.putText(cell, error.words, (4, HEIGHT + 15), cv2.FONT_HERSHEY_PLAIN, 0.9, WHITE, 1, cv2.LINE_AA)
    both = error.truth + error.read
    glyphs = _glyphs(frozenset(both))
    size = next((n for n in range(_TEXT, 8, -1) if text_width(both, n) < WIDTH - 18), 8)
    draw_text(cell, error.truth, 4, HEIGHT + 21, size, WHITE, glyphs)
    right = WIDTH - 6 - text_width(error.read, size)
    draw_text(cell, error.read, right, HEIGHT + 21, size, error.color, glyphs)
    return cell


def _glyphs(characters: frozenset[str]) -> Glyphs:
    """The device's own, and the plates' for what it lacks, such as Hangul."""
    drawn = {c: _glyph(c) for c in missing(sorted(characters)) if has_glyph(c)}
    return Glyphs({**built_in().cells, **drawn}) if drawn else built_in()


def _glyph(character: str) -> Mask:
    cell = np.zeros((CELL, CELL), np.uint8)
    height, width = (28, 28) if ord(character) > LAST_LETTER else (26, 17)
    top, left = (CELL - height) // 2, (CELL - width) // 2
    cell[top : top + height, left : left + width] = glyph(character, 0, width, height)
    return cell


def _corners(box: tuple[float, float, float, float]) -> Floats:
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
