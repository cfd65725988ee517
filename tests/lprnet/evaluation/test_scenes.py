from pathlib import Path

import numpy as np
import pytest

from device_runtime.locate.decode import Floats
from lprnet.data.photographs import LabelledPlate, Photograph
from lprnet.evaluation.scenes import Seen, compare, measure, summarize
from lprnet.plates.pixels import Image


def quad(left: float, top: float, width: float, height: float) -> Floats:
    return np.array(
        [[left, top], [left + width, top], [left + width, top + height], [left, top + height]], np.float32
    )


def photograph(*plates: tuple[Floats, str | None]) -> Photograph:
    labels = []
    for corners, text in plates:
        (left, top), (right, bottom) = corners.min(0).tolist(), corners.max(0).tolist()
        labels.append(LabelledPlate((left, top, right, bottom), corners, text))
    return Photograph(path=Path("a.jpg"), plates=tuple(labels), image=np.zeros((400, 600, 3), np.uint8))


def test_a_hand_made_set_is_counted_right() -> None:
    plate, small = quad(100, 100, 100, 30), quad(300, 100, 35, 10)
    outcomes = [
        # Read right; the small one misread but for its province.
        compare(
            photograph((plate, "京A12345"), (small, "沪B12345")),
            [Seen(plate + 3, 0.9, "京A12345", 0.9), Seen(small, 0.8, "粤B12345", 0.7)],
        ),
        # Found but not read, and two boxes on nothing, of which one was read.
        compare(
            photograph((plate, "京A12345")),
            [Seen(plate, 0.7), Seen(quad(500, 10, 60, 20), 0.6, "京A1"), Seen(quad(500, 200, 90, 20), 0.5)],
        ),
        # Missed; and a plate of which no text is known.
        compare(photograph((plate, "京A12345"), (small, None)), [Seen(small, 0.9, "京A12345", 0.9)]),
        compare(photograph(), []),
    ]
    result = summarize(outcomes)
    total = result.total
    assert result.photographs == 4
    assert (total.n, total.found, total.labelled, total.read, total.misread) == (5, 4, 4, 1, 1)
    assert total.accuracy == 1 / 4 and total.accuracy_without_province == 2 / 4
    assert total.false_per_photo == 2 / 4 and total.false_read_per_photo == 1 / 4
    assert total.corner_error == pytest.approx(np.median([np.sqrt(18) / 30, 0, 0, 0]))
    small_ones, middle, others = result.by_width["0–40"], result.by_width["60–80"], result.by_width["80–120"]
    assert list(result.by_width) == ["0–40", "60–80", "80–120"]
    assert (small_ones.n, small_ones.found, small_ones.labelled, small_ones.read) == (2, 2, 1, 0)
    assert (others.n, others.found, others.read, others.accuracy) == (3, 2, 1, 1 / 3)
    assert (middle.n, middle.false_read_per_photo, others.false_per_photo) == (0, 1 / 4, 1 / 4)


def test_a_right_text_in_a_box_that_only_meets_the_label_counts_as_read_but_not_found() -> None:
    plate = quad(100, 100, 100, 30)
    outcome = compare(photograph((plate, "京A12345")), [Seen(quad(110, 90, 60, 30), 0.9, "京A12345")])
    assert outcome.plates[0].found is None and outcome.plates[0].right and not outcome.false
    assert outcome.plates[0].corner_error is None


def test_without_texts_and_corners_there_is_no_accuracy_and_no_error() -> None:
    label = LabelledPlate((0, 0, 90, 30))
    result = summarize([compare(Photograph(path=Path("a.jpg"), plates=(label,)), [])]).total
    assert (result.n, result.found, result.labelled, result.accuracy, result.corner_error) == (
        1,
        0,
        0,
        None,
        None,
    )
    assert summarize([]).total.false_per_photo == 0 and summarize([]).by_width == {}


def test_photographs_are_read_one_at_a_time() -> None:
    plate = quad(100, 100, 100, 30)
    shapes = []

    def read(image: Image) -> list[Seen]:
        shapes.append(image.shape)
        return [Seen(plate, 0.9, "A1", 1.0)]

    first, second = measure(read, [photograph((plate, "A1")), photograph()])
    assert shapes == [(400, 600, 3)] * 2
    assert first.plates[0].right and len(second.false) == 1
