"""Pictures that show what was read; they need no font on the board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.files import write_atomic
from device_runtime.follow.event import Event, Passage
from device_runtime.locate.decode import Floats
from device_runtime.locate.geometry import width_of
from device_runtime.locate.region import Region
from device_runtime.reader import Plate, Unread
from device_runtime.sinks.folder import BoundedFolder
from device_runtime.sinks.glyphs import LAST_LETTER, Glyphs, built_in
from device_runtime.sinks.sink import Result, Sink
from device_runtime.sources.image import Image, as_bgr

LONGEST = 1920
"""px: pictures of larger frames are shrunk to this width or height."""

Color = tuple[int, int, int]
Box = tuple[int, int, int, int]
"""x, y, width, height in px."""
WHITE, GREY, DARK = (255, 255, 255), (170, 170, 170), (40, 36, 32)
GREEN, RED, AMBER = (90, 200, 90), (80, 80, 235), (60, 190, 250)

QUALITY = 92
"""Of JPEG files."""
_PLATE_WIDTH = 376  # four times the network's input
_BAND = 56
_MARGIN = 12
_SHEET_COLUMNS = 4
_OVERVIEW_LIMIT = 120
OVERVIEW_NAME = "overview.jpg"


@dataclass(frozen=True)
class Caption:
    """What to write under or over a plate.

    Attributes:
        plate: as read; empty where it was not.
        confidence: 0 to 1.
        truth: its label, or None.
    """

    plate: str
    confidence: float
    truth: str | None = None


@dataclass(frozen=True, eq=False)
class Mark:
    """A plate in a frame: float32[4,2], px, and what to write over it."""

    corners: Floats
    caption: Caption


def text_width(text: str, height: int) -> int:
    """Pixels that `draw_text` needs for *text* in letters *height* pixels high."""
    return sum(_advance(c, height) for c in text)


def draw_text(
    image: Image, text: str, x: int, y: int, height: int, color: Color, glyphs: Glyphs | None = None
) -> None:
    """Letter *text* onto a BGR image, its upper left corner at (*x*, *y*); what is outside is cut off.

    Characters that *glyphs* (`built_in` where None) does not have are drawn as a question mark.
    """
    glyphs = glyphs or built_in()
    for character in text:
        advance = _advance(character, height)
        if character != " ":
            coverage = glyphs.coverage(character, height)
            _blend(image, coverage, x + (advance - height) // 2, y, color)
        x += advance


def plate_picture(image: Image, caption: Caption, glyphs: Glyphs | None = None) -> Image:
    """The plate enlarged to a fixed size over a band with the text read; BGR uint8."""
    image = as_bgr(image)
    height = min(max(round(image.shape[0] * _PLATE_WIDTH / image.shape[1]), 96), 2 * _PLATE_WIDTH)
    picture = np.full((height + _BAND, _PLATE_WIDTH, 3), DARK, np.uint8)
    picture[:height] = cv2.resize(image, (_PLATE_WIDTH, height), interpolation=cv2.INTER_CUBIC)
    _draw_band(picture, height, caption, glyphs)
    return picture


def frame_picture(
    frame: Image,
    region: Region | None,
    marks: Sequence[Mark],
    glyphs: Glyphs | None = None,
    longest: int = LONGEST,
) -> Image:
    """A frame with an outline around each plate, its text beside it, and the region; BGR uint8.

    A frame wider or higher than *longest* is shrunk to that.
    """
    frame = as_bgr(frame)
    scale = min(longest / max(frame.shape[:2]), 1.0)
    picture = (
        cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if scale < 1
        else frame.copy()
    )
    line = max(2, picture.shape[1] // 480)
    if region:
        _outline(picture, np.array(region.points) * scale, GREY, max(1, line // 2))
    for mark in marks:
        _outline(picture, mark.corners * scale, _color(mark.caption), line)
    # Over all outlines, and no label over another while there is room.
    taken: list[Box] = []
    for mark in marks:
        _label(picture, mark.corners * scale, mark.caption, taken, glyphs)
    return picture


def thumbnail(picture: Image) -> Image:
    """*picture* as wide as those of `plate_picture`."""
    height = max(round(picture.shape[0] * _PLATE_WIDTH / picture.shape[1]), 1)
    return cv2.resize(picture, (_PLATE_WIDTH, min(height, 2 * _PLATE_WIDTH)), interpolation=cv2.INTER_AREA)


def overview(pictures: Sequence[Image]) -> Image:
    """Pictures of `plate_picture` or `thumbnail` side by side in rows; at least one."""
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
    """Saves a picture of each frame with its plates and, when closed, an overview of the first of them.

    Args:
        folder: made if it is not there.
        region: the part of each frame that was looked at.
        whole_frames: show the frame around the plates; otherwise the one image that was taken for a plate.
        overview: whether to make one, with each source once.
        glyphs: for the texts; `built_in` where None.
    """

    def __init__(
        self,
        folder: Path,
        region: Region | None,
        *,
        whole_frames: bool,
        overview: bool,
        glyphs: Glyphs | None = None,
    ) -> None:
        self._folder, self._region, self._glyphs = folder, region, glyphs
        self._whole_frames, self._with_overview = whole_frames, overview
        self._overview: list[Image] = []
        self._names: set[str] = set()
        self._sources: set[str] = set()

    def add(self, result: Result) -> None:
        """Save the picture of *result*.

        Raises:
            FatalError: it cannot be written.
        """
        frame = result.frame
        # A benchmark comes back to the same images.
        if self._with_overview and frame.source in self._sources:
            return
        if self._with_overview:
            self._sources.add(frame.source)
        if self._whole_frames:
            marks = marks_of(result, self._region)
            picture = frame_picture(frame.image, self._region, marks, self._glyphs)
            shown = thumbnail(picture)
        else:
            (one,) = result.found
            assert one.image is not None, "an image of a plate is not cut"
            picture = shown = plate_picture(one.image, _caption(one, result), self._glyphs)
        if self._with_overview and len(self._overview) < _OVERVIEW_LIMIT:
            self._overview.append(shown)
        if self._with_overview:
            name = frame.path.stem if frame.path else frame.source.replace("#", "-").replace("/", "-")
            save(picture, self._free(name))
        else:
            # A camera's frames are numbered, and too many to remember.
            save(picture, self._folder / f"frame-{frame.source.rpartition('#')[2]}.png")

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


class EventAlbum(Sink):
    """Saves a picture of each passage: its best frame with the plate and its text.

    Args:
        folder: for JPEG files.
        region: the part of each frame that was looked at.
        glyphs: for the texts; `built_in` where None.
    """

    def __init__(self, folder: BoundedFolder, region: Region | None, *, glyphs: Glyphs | None = None) -> None:
        self._folder, self._region, self._glyphs = folder, region, glyphs

    def tell(self, passage: Passage) -> None:
        """Save the picture of *passage* if it has one.

        Raises:
            FatalError: it cannot be written.
        """
        event = passage.event
        if passage.frame is None:
            return
        caption = Caption(event.text, event.confidence)
        if event.corners is None and self._region is None:
            picture = plate_picture(passage.frame, caption, self._glyphs)
        else:
            corners = _box_of(self._region, passage.frame) if event.corners is None else event.corners
            mark = Mark(np.array(corners, np.float32), caption)
            picture = frame_picture(passage.frame, self._region, [mark], self._glyphs)
        _, code = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
        self._folder.save(f"{name_of(event)}.jpg", code.tobytes())


def name_of(event: Event) -> str:
    """A file's name for *event*: its time, its text and the end of its id, in order of time."""
    text = "".join(c for c in event.text if c.isalnum())
    return "-".join(
        part for part in (event.first_seen.strftime("%Y%m%d-%H%M%S"), text, event.id[-6:]) if part
    )


def _caption(one: Plate | Unread, result: Result) -> Caption:
    if isinstance(one, Plate):
        return Caption(one.text, one.confidence, result.truth)
    return Caption("", one.reading.confidence if one.reading else 0.0, result.truth)


def marks_of(result: Result, region: Region | None) -> list[Mark]:
    """What was found in a frame; where nothing was looked for, *region* or all of it is the plate."""
    box = _box_of(region, result.frame.image)
    return [Mark(one.place.corners if one.place else box, _caption(one, result)) for one in result.found]


def _box_of(region: Region | None, frame: Image) -> Floats:
    """Corners of the region's box, or of all of *frame*: float32[4,2], px."""
    x, y, width, height = region.box if region else (0, 0, frame.shape[1], frame.shape[0])
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], np.float32)


def _outline(picture: Image, points: NDArray, color: Color, line: int) -> None:
    """A closed polygon, px, drawn smoothly between pixels."""
    outline = np.round((points - 0.5) * 16).astype(np.int32)
    cv2.polylines(picture, [outline], True, color, line, cv2.LINE_AA, 4)


def _label(
    picture: Image, corners: Floats, caption: Caption, taken: list[Box], glyphs: Glyphs | None
) -> None:
    """Write beside a plate, where nothing is written yet if there is room, and add that place to *taken*."""
    height, width = picture.shape[:2]
    size = round(min(max(width_of(corners) / 4, 18, width / 60), max(width / 16, 18)))
    label = f"{caption.plate or '?'} {caption.confidence:.0%}"
    w, h = text_width(label, size) + size // 2, size + size // 2
    (left, top), (_, bottom) = corners.min(0).astype(int).tolist(), corners.max(0).astype(int).tolist()
    x = min(max(left, 0), max(width - w, 0))
    gap = max(size // 6, 2)
    above, below = top - gap - h, bottom + gap
    places = [y for step in range(4) for y in (above - step * h, below + step * h) if 0 <= y <= height - h]
    free = [y for y in places if not any(_meet((x, y, w, h), other) for other in taken)]
    y = (free or places or [min(max(above, 0), max(height - h, 0))])[0]
    taken.append((x, y, w, h))
    box = picture[y : y + h, x : x + w]
    box[:] = box // 4
    draw_text(picture, label, x + size // 4, y + size // 4, size, _color(caption), glyphs)


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def _draw_band(picture: Image, top: int, caption: Caption, glyphs: Glyphs | None) -> None:
    size = _BAND - 16
    draw_text(picture, caption.plate or "?", 8, top + 8, size, _color(caption), glyphs)
    confidence = f"{caption.confidence:.0%}"
    right = _PLATE_WIDTH - 8 - text_width(confidence, 18)
    draw_text(picture, confidence, right, top + 8, 18, GREY)
    if caption.truth is not None and caption.truth != caption.plate:
        right = _PLATE_WIDTH - 8 - text_width(caption.truth, 18)
        draw_text(picture, caption.truth, right, top + _BAND - 26, 18, GREY, glyphs)


def _color(caption: Caption) -> Color:
    if caption.truth is None:
        return WHITE if caption.plate else AMBER
    return GREEN if caption.truth == caption.plate else RED


def _advance(character: str, height: int) -> int:
    # Ideographs fill their cell, letters about 0.62 of it.
    return height if ord(character) > LAST_LETTER else round(height * 0.64)


def _blend(image: Image, coverage: NDArray[np.float32], x: int, y: int, color: Color) -> None:
    left, top = max(-x, 0), max(-y, 0)
    right = min(coverage.shape[1], image.shape[1] - x)
    bottom = min(coverage.shape[0], image.shape[0] - y)
    if right <= left or bottom <= top:
        return
    part = image[y + top : y + bottom, x + left : x + right]
    alpha = coverage[top:bottom, left:right, None]
    part[:] = (part * (1 - alpha) + np.array(color, np.float32) * alpha + 0.5).astype(np.uint8)
