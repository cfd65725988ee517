"""Plates of a frame, found and read, in Python:

reader = Reader.open("build/rpi4")
for plate in reader.read(frame):
    print(plate.text, plate.confidence, plate.corners)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from numpy.typing import NDArray

from device_runtime.bundle.signature import PublicKey
from device_runtime.errors import FatalError
from device_runtime.locate.decode import Floats
from device_runtime.locate.geometry import is_cut, width_of
from device_runtime.locate.locator import Found, Locator
from device_runtime.locate.module import open_locator
from device_runtime.locate.rectify import MARGIN_OF_TWO_ROWS, WIDER_OF_TWO_ROWS, rectify, rows_apart
from device_runtime.locate.region import Region
from device_runtime.locate.straighten import straightened
from device_runtime.locate.warp import Warp
from device_runtime.read.engine import Engine, Reading
from device_runtime.sources.image import Image, Rows, as_bgr
from device_runtime.timing import StageClock

Why = Literal["cut", "unsure"]
"""Why a plate was not read: the frame's edge cuts it, or the text is less sure than asked for."""
SURE_OF_ROWS = 0.995
"""How sure of a plate's rows the locator has to be; else it is read as both."""
SURE_TEXT, NO_TEXT = 0.8, 0.05
"""Where a plate of the frame is read with the first confidence, a place whose text has less than the second
is none. Of 564 Romanian plates in training frames this loses one with a reader for Latin plates, and none
with one for Chinese ones, which is never that sure; of eleven other boxes in 250 rendered streets it leaves
two or three.
"""

LIKELY = 0.3
"""Confidence from which the longest text counts, where a place is read in several ways.

With it 122 of 137 rendered plates with two rows of seven countries are read, with the surest text 112; 0.4
does as well.
"""

AGREED = 0.9
"""Confidence from which a text that both ways to read two rows give is taken."""

BEYOND_DOUBT = 0.97
"""Confidence from which a place is not read in further ways."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Place:
    """Where a plate is.

    Attributes:
        corners: float32[4,2], px of the frame, from the plate's top left clockwise as it is read; (0.5, 0.5)
            is the middle of the frame's first pixel.
        score: that there is a plate, 0 to 1.
        find_score, refine_score: those of both looks it is made of.
        rows: of text, 1 or 2.
    """

    corners: Floats
    score: float
    find_score: float
    refine_score: float
    rows: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Plate:
    """A plate that was read.

    Attributes:
        reading: its text, and what that was decoded from.
        place: where it is; None where the whole image was taken for the plate.
        image: what was read, BGR uint8[24,94,3] of a place, else the image.
    """

    reading: Reading
    place: Place | None
    image: Image

    @property
    def text(self) -> str:
        """What it says."""
        return self.reading.plate

    @property
    def confidence(self) -> float:
        """That all of `text` is right, 0 to 1."""
        return self.reading.confidence

    @property
    def character_confidences(self) -> tuple[float, ...]:
        """That each character of `text` is right, 0 to 1."""
        return self.reading.character_confidences

    @property
    def corners(self) -> Floats | None:
        """Of its place: float32[4,2], px of the frame, from its top left clockwise as it is read."""
        return self.place.corners if self.place else None


@dataclass(frozen=True, eq=False, kw_only=True)
class Unread:
    """A plate, or an image taken for one, without a reading.

    Attributes:
        why: "cut" or "unsure".
        reading: what was not sure enough; None where the plate is cut.
        place: where it is; None where the whole image was taken for the plate.
        image: what was read; None where the plate is cut.
    """

    why: Why
    reading: Reading | None
    place: Place | None
    image: Image | None


@dataclass(frozen=True, eq=False, kw_only=True)
class Examined:
    """What became of a frame.

    Attributes:
        plates: what was read, the surest place first.
        unread: what was found besides.
        timings_ms: milliseconds in `locate`, `rectify`, `preprocess`, `infer` and `decode`, of all plates
            together; the first two only where plates were looked for.
    """

    plates: tuple[Plate, ...]
    unread: tuple[Unread, ...]
    timings_ms: dict[str, float]


class CropReader(Protocol):
    """What reads a plate that fills an image, as an `Engine` does."""

    def read(
        self,
        image: NDArray,
        width: float | None = None,
        below: NDArray | None = None,
        further: Iterable[Rows] = (),
        doubted: bool = False,
    ) -> Reading:
        """The plate in *image*, BGR uint8[H,W,3], *width* px wide in its frame (None: as here).

        Where *image* is its upper row alone, *below* is the lower one. *further* are views of the plate, made
        and looked at where *image* leaves doubt, or is *doubted*.
        """


class Examiner:
    """Finds plates in frames and reads them. Not for use by several threads at once.

    Attributes:
        engine: reads.
        locator: finds; None where the image, or the region, is the plate.
        straightener: sees such a plate from the front where its text is in doubt; None: nobody does.
        region: the part of each frame where plates are looked for, or that is one; all of it where None.
        min_confidence: a text below is no reading.
        looks: whether two rows that are read in two ways are taken together; else the longer text counts.
    """

    def __init__(
        self,
        engine: CropReader,
        locator: Locator | None = None,
        *,
        straightener: Locator | None = None,
        region: Region | None = None,
        min_confidence: float = 0.0,
        looks: bool = True,
    ) -> None:
        if locator is None and region is not None and not region.is_rectangle:
            raise FatalError(
                f"--roi {region.text}", "is a polygon, and one plate fills the region", "give X,Y,W,H"
            )
        self.engine, self.locator, self.region = engine, locator, region
        self.straightener = straightener
        self.min_confidence = min_confidence
        self.looks = looks

    def read(self, frame: NDArray) -> tuple[Plate, ...]:
        """The plates of *frame* that can be read, the surest place first.

        Args:
            frame: BGR uint8[H,W,3]; or grey, BGRA or 16-bit, which are converted.

        Raises:
            FatalError: *frame* is of another kind or has no pixels, or the region is not within it.
        """
        return self.examine(frame).plates

    def examine(self, frame: NDArray) -> Examined:
        """All that is found in *frame*, read or not, and how long it took.

        At most `Search.most` places are looked at and read, each as one row, as two rows or both, in at most
        three looks and, two rows, three views more, so that the time is bounded.

        Raises:
            FatalError: as `read`.
        """
        image = as_bgr(frame)
        if self.locator is None:
            crop = self.region.within(image) if self.region else image
            timings: dict[str, float] = {}
            return _examined([self._judged(self.read_crop(crop), crop, None, timings)], timings)
        clock = StageClock()
        found = self.locator.locate(image, region=self.region)
        clock.lap("locate")
        places = _places(found)
        timings = clock.ms | dict.fromkeys(("rectify", "preprocess", "infer", "decode"), 0.0)
        each = [
            Unread(why="cut", reading=None, place=ways[0], image=None)
            if is_cut(ways[0].corners, image.shape[1], image.shape[0])
            else _best(self._read_ways(image, ways, self.locator.warp, timings))
            for ways in places
        ]
        return _examined(_credible(each), timings)

    def read_crop(self, crop: NDArray) -> Reading:
        """What the plate that fills *crop*, an image as for `read`, is read as, however unsure.

        Raises:
            FatalError: *crop* is of another kind or has no pixels.
        """
        image = as_bgr(crop)
        return self.engine.read(
            image, further=straightened(image, self.straightener) if self.straightener else ()
        )

    def _read_ways(
        self, image: Image, ways: Sequence[Place], warp: Warp, timings: dict[str, float]
    ) -> list[Plate | Unread]:
        """A place of *image* read as each of *ways* has it, up to the first that leaves no doubt."""
        read: list[Plate | Unread] = []
        for place in ways:
            read.append(
                (self._read_two_rows if place.rows == 2 else self._read_row)(image, place, warp, timings)
            )
            if _confidence(read[-1]) >= BEYOND_DOUBT:
                break
        return read

    def _read_row(self, image: Image, place: Place, warp: Warp, timings: dict[str, float]) -> Plate | Unread:
        """The plate at *place*, with one row; how long that took is added to *timings*."""
        clock = StageClock()
        crop = rectify(image, place.corners, warp=warp)
        _add(clock, "rectify", timings)
        return self._read(crop, place, timings)

    def _read_two_rows(
        self, image: Image, place: Place, warp: Warp, timings: dict[str, float]
    ) -> Plate | Unread:
        """The plate at *place*, its two rows joined and apart, and taken together where these differ.

        Joined, an upper row of four characters has a third of the width, and loses some unnoticed; apart,
        readers that were not trained so see nothing. How long that took is added to *timings*.
        """
        clock = StageClock()
        corners, tight, wide = place.corners, MARGIN_OF_TWO_ROWS, WIDER_OF_TWO_ROWS
        joined = rectify(image, corners, 2, margin=tight, warp=warp)
        rows = rows_apart(image, corners, margin=tight, warp=warp)
        _add(clock, "rectify", timings)
        first = self._read(joined, place, timings)
        second = self._read(joined, place, timings, rows)
        both = _confidence(first), _confidence(second)
        if _text(first) == _text(second) and min(both) >= AGREED:
            return first
        if not _text(second) or (both[0] >= BEYOND_DOUBT and both[1] < LIKELY):
            return first
        if not self.looks:
            return _best([first, second])
        clock = StageClock()
        further: list[Rows] = [
            (joined, None),
            (rectify(image, corners, 2, margin=wide, warp=warp), None),
            rows_apart(image, corners, margin=wide, warp=warp),
        ]
        _add(clock, "rectify", timings)
        return self._read(joined, place, timings, rows, further)

    def _read(
        self,
        image: Image,
        place: Place,
        timings: dict[str, float],
        rows: tuple[Image, Image] | None = None,
        together: Sequence[Rows] = (),
    ) -> Plate | Unread:
        """Read *image*, or its two *rows* apart, *together* with other views; the time goes to *timings*."""
        upper, below = rows or (image, None)
        reading = self.engine.read(upper, width_of(place.corners), below, together, bool(together))
        return self._judged(reading, image, place, timings)

    def _judged(
        self, reading: Reading, image: Image, place: Place | None, timings: dict[str, float]
    ) -> Plate | Unread:
        """What *reading* makes of *image*; how long that took is added to *timings*."""
        for stage, ms in reading.timings_ms.items():
            timings[stage] = timings.get(stage, 0.0) + ms
        if not reading.plate or reading.confidence < self.min_confidence:
            return Unread(why="unsure", reading=reading, place=place, image=image)
        return Plate(reading=reading, place=place, image=image)


class Reader(Examiner):
    """A bundle that finds and reads plates; see `Reader.open`. Not for use by several threads at once.

    Attributes:
        engine: the bundle, loaded.
    """

    engine: Engine

    @classmethod
    def open(
        cls,
        bundle: Path | str,
        *,
        threads: int = 1,
        grammar: bool | None = None,
        crop: bool = False,
        region: Region | str | None = None,
        min_confidence: float | None = None,
        locate_size: int | None = None,
        min_plate_width: int | None = None,
        keys: tuple[PublicKey, ...] = (),
        countries: tuple[str, ...] = (),
        looks: bool = True,
    ) -> Reader:
        """Verify the bundle against this board, load it and check it on its golden inputs.

        Args:
            bundle: its folder.
            threads: for the modules' parallel loops, in the whole process.
            grammar: let the plate grammar have a say in the text; as the bundle says where None.
            crop: images are plates already, or the rectangular *region* is one.
            region: where to look: X,Y,W,H or the corners of a polygon, X1,Y1,X2,Y2,X3,Y3,…, in px.
            min_confidence: a text below is no reading; the bundle's own limit where None.
            locate_size: px; frames are looked at as large as in a square of this side.
            min_plate_width: px; plates from this width on are to be found, at the cost of more looks.
            keys: one of them must have signed the bundle (`bundle.signature.read_keys`); none: it need not be
                signed.
            countries: whose plates the grammar is of: names of shipped files, e.g. de, or paths of others.
            looks: look at a plate again where its first reading is unsure.

        Raises:
            FatalError: the bundle is not whole, not for this board or computes something else here; it has no
                locator, and neither *crop* nor a rectangular *region* says where the plate is; or *region*
                is none.
        """
        if isinstance(region, str):
            try:
                region = Region.parse(region)
            except ValueError as error:
                raise FatalError("region", str(error), "give X,Y,W,H in pixels") from None
        return cls.of(
            Engine.open(bundle, threads, grammar, keys, countries, looks),
            threads=threads,
            crop=crop,
            region=region,
            min_confidence=min_confidence,
            locate_size=locate_size,
            min_plate_width=min_plate_width,
        )

    @classmethod
    def of(
        cls,
        engine: Engine,
        *,
        threads: int = 1,
        crop: bool = False,
        region: Region | None = None,
        min_confidence: float | None = None,
        locate_size: int | None = None,
        min_plate_width: int | None = None,
    ) -> Reader:
        """A reader with the bundle of *engine*; arguments and errors as of `open`."""
        straightener = open_locator(engine.bundle, threads) if engine.looks or not crop else None
        locator = None if crop else straightener
        if locator is None:
            if not crop and (region is None or not region.is_rectangle):
                raise FatalError(
                    f"bundle for target {engine.manifest.target.name}",
                    "has no locator, so that it reads plates but finds none",
                    "give --crop for images of plates or --roi X,Y,W,H around the plate",
                )
            if locate_size or min_plate_width:
                raise FatalError(
                    "--locate-size, --min-plate-width", "are about finding plates", "leave them out"
                )
        else:
            search = replace(locator.search, size=locate_size, narrowest=min_plate_width)
            locator = replace(locator, search=search)
        least = engine.least_confidence if min_confidence is None else min_confidence
        return cls(
            engine,
            locator,
            straightener=straightener,
            region=region,
            min_confidence=least,
            looks=engine.looks,
        )


def _examined(all_found: list[Plate | Unread], timings: dict[str, float]) -> Examined:
    return Examined(
        plates=tuple(one for one in all_found if isinstance(one, Plate)),
        unread=tuple(one for one in all_found if isinstance(one, Unread)),
        timings_ms=timings,
    )


def _credible(found: list[Plate | Unread]) -> list[Plate | Unread]:
    """*found* without places on which nothing can be read, if another plate is read well."""
    if max(map(_confidence, found), default=0.0) < SURE_TEXT:
        return found
    return [one for one in found if isinstance(one, Plate) or one.why == "cut" or _confidence(one) >= NO_TEXT]


def _confidence(one: Plate | Unread) -> float:
    return one.reading.confidence if one.reading else 0.0


def _text(one: Plate | Unread) -> str:
    return one.reading.plate if one.reading else ""


def _add(clock: StageClock, stage: str, timings: dict[str, float]) -> None:
    """Add what *clock* says since it began, or its last lap, to *stage* of *timings*."""
    clock.lap(stage)
    timings[stage] += clock.ms[stage]


def _best(ways: Sequence[Plate | Unread]) -> Plate | Unread:
    """Of what a place was read as in several ways, the longest text that is likely, the surest among these.

    Characters that are squeezed together merge, and the network does not notice; few are made up.
    """
    likely = [one for one in ways if _confidence(one) >= LIKELY]
    if not likely:
        return max(ways, key=_confidence)
    return max(likely, key=lambda one: (len(_text(one)), _confidence(one)))


def _places(found: Found) -> list[tuple[Place, ...]]:
    """Each place with the rows that it has, or may have, the likelier first."""
    columns = (found.scores, found.find_scores, found.refine_scores, found.two_rows)
    return [
        tuple(
            Place(corners=corners, score=score, find_score=find, refine_score=refine, rows=rows)
            for rows in _rows(two_rows)
        )
        for corners, score, find, refine, two_rows in zip(
            found.corners, *(column.tolist() for column in columns), strict=True
        )
    ]


def _rows(two_rows: float) -> tuple[int, ...]:
    """1 or 2, or both where neither is sure, the likelier first."""
    rows = (2, 1) if two_rows > 0.5 else (1, 2)
    return rows[:1] if max(two_rows, 1 - two_rows) >= SURE_OF_ROWS else rows
