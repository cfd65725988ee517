"""Pictures that show what was read; they need no font on the board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.files import write_atomic
from device_runtime.locate.region import Region
from device_runtime.sinks.sink import Result, Sink
from device_runtime.sources.image import Image, as_bgr

CHARACTERS = (
    "京沪津渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新使领警学挂港澳试超"
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ%.-·?"
)
"""What `SHEET` has a glyph for, in its order."""
CELL, COLUMNS = 40, 16
"""The sheet's cells: pixels square, and how many in a row."""
SHEET = Path(__file__).with_name("glyphs.png")
"""White on black, drawn by scripts/make_glyphs.py from Noto Sans CJK SC Bold, SIL Open Font License 1.1."""

Color = tuple[int, int, int]
WHITE, GREY, GREEN, RED, DARK = (255, 255, 255), (170, 170, 170), (90, 200, 90), (80, 80, 235), (40, 36, 32)

_PLATE_WIDTH = 376  # four times the network's input
_BAND = 56
_MARGIN = 12
_SHEET_COLUMNS = 4
_OVERVIEW_LIMIT = 120
OVERVIEW_NAME = "overview.jpg"


@dataclass(frozen=True)
class Caption:
    """What to write under a plate.

    Attributes:
        plate: as read.
        confidence: 0 to 1.
        truth: its label, or None.
    """

    plate: str
    confidence: float
    truth: str | None = None


def text_width(text: str, height: int) -> int:
    """Pixels that `draw_text` needs for *text* in letters *height* pixels high."""
    return sum(_advance(c, height) for c in text)


def draw_text(image: Image, text: str, x: int, y: int, height: int, color: Color) -> None:
    """Letter *text* onto a BGR image, its upper left corner at (*x*, *y*); what is outside is cut off.

    Characters the glyph sheet does not have are drawn as a question mark.
    """
    for character in text:
        advance = _advance(character, height)
        if character != " ":
            _blend(image, _glyph(character, height), x + (advance - height) // 2, y, color)
        x += advance


def plate_picture(image: Image, caption: Caption) -> Image:
    """The plate enlarged to a fixed size over a band with the text read; BGR uint8."""
    image = as_bgr(image)
    height = min(max(round(image.shape[0] * _PLATE_WIDTH / image.shape[1]), 96), 2 * _PLATE_WIDTH)
    picture = np.full((height + _BAND, _PLATE_WIDTH, 3), DARK, np.uint8)
    picture[:height] = cv2.resize(image, (_PLATE_WIDTH, height), interpolation=cv2.INTER_CUBIC)
    _draw_band(picture, height, caption)
    return picture


def frame_picture(frame: Image, roi: Region | None, caption: Caption) -> Image:
    """A camera frame with a box around the region read and the text above it; BGR uint8.

    Args:
        roi: x, y, width, height in pixels; the whole frame where None.
    """
    picture = as_bgr(frame).copy()
    height, width = picture.shape[:2]
    x, y, w, h = roi or (0, 0, width, height)
    line = max(2, width // 320)
    cv2.rectangle(picture, (x, y), (x + w - 1, y + h - 1), _color(caption), line)
    size = max(20, min(width // 16, 64))
    label = f"{caption.plate or '?'} {caption.confidence:.0%}"
    left = min(max(x, 0), max(width - text_width(label, size) - size // 2, 0))
    top = y - size - size // 2 if y >= size + size // 2 else min(y + h, height - size - size // 2)
    box = picture[top : top + size + size // 2, left : left + text_width(label, size) + size // 2]
    box[:] = box // 4
    draw_text(picture, label, left + size // 4, top + size // 4, size, _color(caption))
    return picture


def overview(pictures: Sequence[Image]) -> Image:
    """Pictures of `plate_picture` side by side in rows; at least one."""
    rows = [pictures[start : start + _SHEET_COLUMNS] for start in range(0, len(pictures), _SHEET_COLUMNS)]
    heights = [max(p.shape[0] for p in row) for row in rows]
    columns = min(len(pictures), _SHEET_COLUMNS)
    width = columns * (_PLATE_WIDTH + _MARGIN) + _MARGIN
    sheet = np.full((sum(heights) + _MARGIN * (len(rows) + 1), width, 3), WHITE, np.uint8)
    y = _MARGIN
    for row, height in zip(rows, heights, strict=True):
        for column, picture in enumerate(row):
            x = _MARGIN + column * (_PLATE_WIDTH + _MARGIN)
            sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
        y += height + _MARGIN
    return sheet


def save(picture: Image, path: Path) -> None:
    """Write *picture* in the format of *path*'s suffix.

    Raises:
        FatalError: it cannot be written.
    """
    written, data = cv2.imencode(path.suffix, picture)
    assert written
    write_atomic(path, data.tobytes())


class Album(Sink):
    """Saves a picture of each plate read and, when closed, an overview of the first of them.

    Args:
        folder: made if it is not there.
        region: the part of each frame that was read.
        whole_frames: show the frame around the plate.
    """

    def __init__(self, folder: Path, region: Region | None, whole_frames: bool) -> None:
        self._folder, self._region, self._whole_frames = folder, region, whole_frames
        self._overview: list[Image] = []
        self._names: set[str] = set()
        self._sources: set[str] = set()

    def add(self, result: Result) -> None:
        """Save the picture of *result*.

        Raises:
            FatalError: it cannot be written.
        """
        frame, reading = result.frame, result.reading
        caption = Caption(reading.plate, reading.confidence, result.truth)
        if self._whole_frames:
            picture = frame_picture(frame.image, self._region, caption)
            name = f"frame-{frame.source.rpartition('#')[2]}"
        else:
            # A benchmark comes back to the same images.
            if frame.source in self._sources:
                return
            self._sources.add(frame.source)
            name = frame.path.stem if frame.path else frame.source.replace("#", "-")
            picture = plate_picture(result.image, caption)
            if len(self._overview) < _OVERVIEW_LIMIT:
                self._overview.append(picture)
        save(picture, self._free(name))

    def close(self) -> None:
        """Save the overview.

        Raises:
            FatalError: it cannot be written.
        """
        if self._overview:
            save(overview(self._overview), self._folder / OVERVIEW_NAME)

    def _free(self, name: str) -> Path:
        """A name in the folder that no other picture of this album has."""
        number, free = 2, f"{name}.png"
        while free in self._names:
            number, free = number + 1, f"{name}-{number}.png"
        self._names.add(free)
        return self._folder / free


def _draw_band(picture: Image, top: int, caption: Caption) -> None:
    size = _BAND - 16
    draw_text(picture, caption.plate or "?", 8, top + 8, size, _color(caption))
    confidence = f"{caption.confidence:.0%}"
    right = _PLATE_WIDTH - 8 - text_width(confidence, 18)
    draw_text(picture, confidence, right, top + 8, 18, GREY)
    if caption.truth is not None and caption.truth != caption.plate:
        right = _PLATE_WIDTH - 8 - text_width(caption.truth, 18)
        draw_text(picture, caption.truth, right, top + _BAND - 26, 18, GREY)


def _color(caption: Caption) -> Color:
    if caption.truth is None:
        return WHITE
    return GREEN if caption.truth == caption.plate else RED


def _advance(character: str, height: int) -> int:
    # Chinese characters fill their cell, Latin ones about 0.62 of it.
    return height if ord(character) > 0x2FFF else round(height * 0.64)


@lru_cache(maxsize=512)
def _glyph(character: str, height: int) -> NDArray[np.float32]:
    """Coverage 0 to 1, float32 [height, height]."""
    index = CHARACTERS.find(character)
    row, column = divmod(index if index >= 0 else CHARACTERS.index("?"), COLUMNS)
    cell = _sheet()[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
    shrinks = cv2.INTER_AREA if height < CELL else cv2.INTER_LINEAR
    return cv2.resize(cell, (height, height), interpolation=shrinks).astype(np.float32) / 255


@lru_cache(maxsize=1)
def _sheet() -> Image:
    sheet = cv2.imdecode(np.frombuffer(SHEET.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert sheet is not None
    return sheet


def _blend(image: Image, coverage: NDArray[np.float32], x: int, y: int, color: Color) -> None:
    left, top = max(-x, 0), max(-y, 0)
    right = min(coverage.shape[1], image.shape[1] - x)
    bottom = min(coverage.shape[0], image.shape[0] - y)
    if right <= left or bottom <= top:
        return
    part = image[y + top : y + bottom, x + left : x + right]
    alpha = coverage[top:bottom, left:right, None]
    part[:] = (part * (1 - alpha) + np.array(color, np.float32) * alpha + 0.5).astype(np.uint8)
