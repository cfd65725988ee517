from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import device_runtime
from device_runtime.errors import FatalError
from device_runtime.locate.decode import CHANNELS, CORNERS, SCORE, STRIDE, UNIT, VIEW_ROWS, Floats
from device_runtime.locate.geometry import fit
from device_runtime.locate.rectify import rectify, rows_apart
from device_runtime.locate.region import Region
from device_runtime.locate.straighten import straightened
from device_runtime.read.engine import Engine, Reading
from device_runtime.reader import Examiner, Reader
from device_runtime.sources.image import Image, Rows
from tests.device_runtime.networks import by_hand, everywhere, refine, spots, unmoved

LABELLED = np.array([[400, 300], [500, 300], [500, 330], [400, 330]], np.float32)


@pytest.fixture(scope="module")
def engine(pristine_bundle: Path) -> Engine:
    return Engine.open(pristine_bundle)


@pytest.fixture
def reader(engine: Engine) -> Reader:
    return Reader(engine, by_hand(spots, refine))


def _street() -> Image:
    frame = np.full((540, 960, 3), 60, np.uint8)
    frame[300:330, 400:500] = 255
    return frame


def test_three_lines(pristine_bundle: Path) -> None:
    """What the package says of itself; an image of a plate has no corners."""
    reader = device_runtime.Reader.open(pristine_bundle, crop=True)
    image = reader.engine.golden().images[0]
    read = [(plate.text, plate.confidence, plate.corners) for plate in reader.read(image)]
    expected = reader.engine.read(image)
    assert read == [(expected.plate, expected.confidence, None)]
    assert len(reader.read(image)[0].character_confidences) == len(expected.plate)


def test_a_plate_in_doubt_that_fills_an_image_is_straightened(engine: Engine) -> None:
    image = np.random.default_rng(1).integers(0, 256, (60, 180, 3), np.uint8)
    straightener = by_hand(spots, refine)
    views = [view for view, _ in straightened(image, straightener)]
    assert len(views) >= 5
    seen: list[Image] = []

    class Watched:
        def read(
            self,
            image: NDArray,
            width: float | None = None,
            below: NDArray | None = None,
            further: Iterable[Rows] = (),
            doubted: bool = False,
        ) -> Reading:
            seen.extend(view for view, _ in further)
            return engine.read(image, width, below)

    examined = Examiner(Watched(), straightener=straightener).examine(image)
    assert all(np.array_equal(a, b) for a, b in zip(seen, views, strict=True))
    assert set(examined.timings_ms) == {"preprocess", "infer", "decode"}


def test_the_package_is_loaded_without_numpy() -> None:
    code = "import sys, device_runtime as d; assert not {'numpy', 'cv2'} & {*sys.modules}; print(d.Reader)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("<class 'device_runtime.reader.Reader'>\n", "")
    with pytest.raises(AttributeError, match="has no attribute 'Writer'"):
        device_runtime.Writer  # type: ignore[attr-defined]  # noqa: B018


def one_row(view: Image) -> Floats:
    found = refine(view)
    found[VIEW_ROWS] = -9
    return found


def test_plates_are_found_rectified_and_read(engine: Engine) -> None:
    reader = Reader(engine, by_hand(spots, one_row))
    frame = _street()
    frame[100:140, 600:760] = 255
    examined = reader.examine(frame)
    assert len(examined.plates) == 2 and not examined.unread
    assert list(examined.timings_ms) == ["locate", "rectify", "preprocess", "infer", "decode"]
    assert all(ms > 0 for ms in examined.timings_ms.values())
    for plate in examined.plates:
        assert plate.place is not None and plate.image.shape == (24, 94, 3)
        assert plate.text == reader.engine.read(plate.image).plate
        assert plate.place.rows == 1 and 0 < plate.place.score < 1
    corners = np.array([plate.corners for plate in examined.plates])
    assert np.abs(corners - LABELLED).max((1, 2)).min() < 1


@pytest.mark.parametrize("likelier", [1, 2])
@pytest.mark.parametrize(("one_row", "two_rows", "rows"), [(0.6, 0.8, 2), (0.8, 0.6, 1)])
def test_where_rows_are_doubtful_the_surer_text_decides(
    likelier: int, one_row: float, two_rows: float, rows: int
) -> None:
    def doubtful(view: Image) -> Floats:
        output = refine(view)
        output[VIEW_ROWS] = 0.5 if likelier == 2 else -0.5
        return output

    frame = _street()
    frame[300:330, 400:500:7] = 20
    joined = rectify(frame, LABELLED, 2)

    def says(image: NDArray, below: NDArray | None, together: list[Rows]) -> tuple[str, float]:
        two = below is not None or np.abs(image.astype(int) - joined).mean() < 5
        return ("AB12", two_rows) if two else ("AB34", one_row)

    (plate,) = Examiner(Says(says), by_hand(spots, doubtful)).examine(frame).plates
    assert plate.place is not None
    assert (plate.place.rows, plate.text) == (rows, "AB12" if rows == 2 else "AB34")
    assert np.array_equal(plate.image, rectify(frame, plate.place.corners, rows))


@dataclass
class Says:
    """A reader that says what it is told to: by an image, its lower row and all that is taken together."""

    says: Callable[[NDArray, NDArray | None, list[Rows]], tuple[str, float]]
    calls: int = 0

    def read(
        self,
        image: NDArray,
        width: float | None = None,
        below: NDArray | None = None,
        further: Iterable[Rows] = (),
        doubted: bool = False,
    ) -> Reading:
        self.calls += 1
        plate, confidence = self.says(image, below, list(further) if doubted else [])
        return Reading(
            plate=plate,
            confidence=confidence,
            character_confidences=(1.0,) * len(plate),
            logits=np.zeros((1, 1), np.float32),
            timings_ms={},
        )


def two_rows(view: Image) -> Floats:
    found = refine(view)
    found[VIEW_ROWS] = 9
    return found


@pytest.mark.parametrize(
    ("joined", "apart", "text", "reads", "in_one_look"),
    [
        (("AB12", 0.95), ("AB12", 0.92), "AB12", 2, "AB12"),  # both ways agree
        (("AB12", 0.95), ("AB12", 0.85), "together", 3, "AB12"),  # they do, but one is unsure
        (("AB12", 0.98), ("AB1122", 0.98), "together", 3, "AB1122"),  # joined, characters merge unnoticed
        (("AB12", 0.98), ("B1", 0.2), "AB12", 2, "AB12"),  # a reader that was not trained with rows apart
        (("AB12", 0.5), ("", 0.0), "AB12", 2, "AB12"),
    ],
)
def test_two_rows_are_read_joined_and_apart_and_taken_together_where_these_differ(
    joined: tuple[str, float], apart: tuple[str, float], text: str, reads: int, in_one_look: str
) -> None:
    frame = _street()

    def says(image: NDArray, below: NDArray | None, together: list[Rows]) -> tuple[str, float]:
        if not together:
            return joined if below is None else apart
        upper, lower = rows_apart(frame, LABELLED)
        assert below is not None and image.shape == upper.shape and below.shape == lower.shape
        assert [view[1] is None for view in together] == [True, True, False]
        return "together", 0.9

    reader = Says(says)
    (plate,) = Examiner(reader, by_hand(spots, two_rows)).examine(frame).plates
    assert plate.place is not None and plate.place.rows == 2
    assert (plate.text, reader.calls) == (text, reads)
    (plate,) = Examiner(reader, by_hand(spots, two_rows), looks=False).examine(frame).plates
    assert (plate.text, reader.calls) == (in_one_look, reads + 2)


@pytest.mark.parametrize(("surest", "text", "left"), [(0.9, 0.01, 1), (0.7, 0.01, 2), (0.9, 0.1, 2)])
def test_beside_a_plate_that_is_read_a_place_without_a_text_is_none(
    engine: Engine, surest: float, text: float, left: int
) -> None:
    """The left spot is read, and the right one hardly."""

    class Reads:
        def read(
            self,
            image: NDArray,
            width: float | None = None,
            below: NDArray | None = None,
            further: Iterable[Rows] = (),
            doubted: bool = False,
        ) -> Reading:
            reading = engine.read(image, width)
            return replace(reading, plate="A", confidence=surest if width and width < 130 else text)

    frame = _street()
    frame[100:140, 600:760] = 255
    examined = Examiner(Reads(), by_hand(spots, refine), min_confidence=0.2).examine(frame)
    assert len(examined.plates) + len(examined.unread) == left
    assert [plate.confidence for plate in examined.plates] == [surest]


def test_a_frame_without_plates_gives_none(reader: Reader) -> None:
    examined = reader.examine(np.zeros((540, 960, 3), np.uint8))
    assert examined.plates == examined.unread == ()
    assert examined.timings_ms["infer"] == 0


@pytest.mark.parametrize(("x", "y"), [(-40, 300), (900, 300), (400, -15), (400, 520)])
def test_a_plate_that_the_frames_edge_cuts_is_found_but_not_read(engine: Engine, x: int, y: int) -> None:
    """A network that knows plates well says that corners are outside."""
    corners = LABELLED - LABELLED[0] + np.array([x, y], np.float32)

    def sees_all(view: Image) -> Floats:
        return unmoved(4)

    locator = by_hand(lambda image: _peak(image, corners), sees_all)
    examined = Reader(engine, locator).examine(_street())
    assert examined.plates == ()
    (cut,) = examined.unread
    assert (cut.why, cut.reading, cut.image) == ("cut", None, None) and cut.place is not None
    assert np.abs(cut.place.corners - corners).max() < 3


def _peak(image: Image, corners: Floats) -> Floats:
    """find's output for a plate at *corners* of a frame of 960×540."""
    output = np.zeros((CHANNELS, image.shape[0] // STRIDE, image.shape[1] // STRIDE), np.float32)
    output[SCORE] = -9
    seen = corners * np.array(fit(960, 540).scale)
    column, row = (seen.mean(0) // STRIDE).clip(0, [output.shape[2] - 1, output.shape[1] - 1]).astype(int)
    output[SCORE, row, column] = 3
    output[CORNERS, row, column] = ((seen - (np.array([column, row]) + 0.5) * STRIDE) / UNIT).ravel()
    return output


def test_what_is_less_sure_than_asked_for_is_no_reading(engine: Engine) -> None:
    reader = Reader(engine, by_hand(spots, refine), min_confidence=1)
    examined = reader.examine(_street())
    assert examined.plates == ()
    (unread,) = examined.unread
    assert unread.why == "unsure" and unread.reading is not None and unread.reading.confidence < 1
    crop = Reader(engine, min_confidence=1).examine(engine.golden().images[0])
    assert [one.why for one in crop.unread] == ["unsure"] and crop.unread[0].place is None


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (24, 94), (4320, 7680)])
def test_frames_of_any_size_are_read(reader: Reader, size: tuple[int, int]) -> None:
    frame = np.full((*size, 3), 60, np.uint8)
    if size[0] > 1000:
        frame[2000:2200, 3000:3700] = 255
    assert len(reader.read(frame)) == (size[0] > 1000)


def test_grey_deep_and_transparent_frames_are_read(reader: Reader) -> None:
    frame = _street()
    expected = [plate.text for plate in reader.read(frame)]
    deep = frame.astype(np.uint16) << 8
    transparent = cv2.cvtColor(frame, cv2.COLOR_BGR2BGRA)
    for other in (frame[:, :, 0], frame[:, :, :1], deep, deep[:, :, 0], transparent):
        assert [plate.text for plate in reader.read(other)] == expected
    with pytest.raises(FatalError, match=r"image: is float32 \[540, 960, 3\]"):
        reader.read(frame.astype(np.float32))


def test_views_of_larger_arrays_are_read(reader: Reader) -> None:
    """As a camera's buffers may be: with gaps between their lines, or upside down."""
    frame = _street()
    wide = np.zeros((540, 1200, 3), np.uint8)
    wide[:, 100:1060] = frame
    expected = [plate.text for plate in reader.read(frame)]
    assert [plate.text for plate in reader.read(wide[:, 100:1060])] == expected
    assert [plate.text for plate in reader.read(frame[::-1].copy()[::-1])] == expected


def test_a_region_outside_the_frame_is_one_line(engine: Engine) -> None:
    for region in ("900,500,100,100", "0,0,2000,0,2000,2000"):
        reader = Reader(engine, by_hand(spots, refine), region=Region.parse(region))
        with pytest.raises(FatalError, match=f"--roi {region}: is not within the frame of 960×540"):
            reader.read(_street())


def test_of_hundreds_of_patterns_a_bounded_number_is_read(engine: Engine) -> None:
    views: list[Image] = []

    def look(view: Image) -> Floats:
        views.append(view)
        return unmoved(4)

    reader = Reader(engine, by_hand(lambda _: everywhere(4), look, most=20))
    examined = reader.examine(np.random.default_rng(0).integers(0, 256, (960, 1280, 3), np.uint8))
    assert len(views) == 20
    assert 10 < len(examined.plates) + len(examined.unread) <= 20


def test_without_a_locator_the_plates_place_has_to_be_said(pristine_bundle: Path) -> None:
    with pytest.raises(FatalError, match="bundle for target tiny: has no locator"):
        Reader.open(pristine_bundle)
    with pytest.raises(FatalError, match="has no locator"):
        Reader.open(pristine_bundle, region="0,0,9,0,9,9")
    with pytest.raises(FatalError, match="is a polygon, and one plate fills the region"):
        Reader.open(pristine_bundle, crop=True, region="0,0,9,0,9,9")
    with pytest.raises(FatalError, match="region: 'here' is not X,Y,W,H"):
        Reader.open(pristine_bundle, region="here")
    with pytest.raises(FatalError, match="are about finding plates"):
        Reader.open(pristine_bundle, crop=True, locate_size=640)
    frame = _street()
    reader = Reader.open(pristine_bundle, region="400,300,100,30")
    (plate,) = reader.read(frame)
    assert np.array_equal(plate.image, frame[300:330, 400:500])
