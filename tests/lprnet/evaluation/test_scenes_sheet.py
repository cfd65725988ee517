from dataclasses import replace
from pathlib import Path

import numpy as np

from device_runtime.locate.decode import Floats
from lprnet.data.photographs import LabelledPlate, Photograph
from lprnet.evaluation.locator_sheet import BLUE, HEIGHT, RED, WIDTH
from lprnet.evaluation.scenes import Outcome, Seen, compare
from lprnet.evaluation.scenes_sheet import BAND, ORANGE, WHITE, worst


def _has(image: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((np.abs(image.astype(int) - color).max(2) < 30).any())


def _quad(left: float, top: float) -> Floats:
    return np.array([[left, top], [left + 80, top], [left + 80, top + 20], [left, top + 20]], np.float32)


def _outcome() -> Outcome:
    labels = (
        LabelledPlate((20, 20, 100, 40), text="京A12345"),
        LabelledPlate((20, 90, 100, 110), text="京A1"),
    )
    image = np.full((200, 400, 3), 120, np.uint8)
    photograph = Photograph(path=Path("a.png"), plates=labels, image=image)
    return compare(photograph, [Seen(_quad(20, 90), 0.9, "京A7", 0.8), Seen(_quad(250, 100), 0.7)])


def test_errors_are_shown_with_their_texts_missed_plates_first() -> None:
    sheet = worst([_outcome()], 5, columns=3)
    assert sheet.shape == (HEIGHT + BAND, 3 * WIDTH, 3)
    missed, misread, false = (sheet[:, i * WIDTH : (i + 1) * WIDTH - 1] for i in range(3))
    for cell, color in ((missed, RED), (misread, ORANGE), (false, BLUE)):
        assert [c for c in (RED, ORANGE, BLUE) if _has(cell[:HEIGHT], c)] == [color]
    texts = slice(HEIGHT + 20, None)
    assert _has(missed[texts], WHITE) and not _has(missed[texts], RED)
    assert _has(misread[texts], WHITE) and _has(misread[texts], ORANGE)
    assert not _has(false[texts], WHITE)


def test_no_more_than_asked_for_are_shown() -> None:
    assert worst([_outcome()] * 9, 2, columns=6).shape == (HEIGHT + BAND, 6 * WIDTH, 3)
    assert worst([], 5).shape == (HEIGHT + BAND, WIDTH, 3)


def test_hangul_is_shown_though_the_device_has_no_glyphs_of_it() -> None:
    sheets = []
    for text in ("12가3456", "12하3456", "12?3456"):
        photograph = replace(_outcome().photograph, plates=(LabelledPlate((20, 20, 100, 40), text=text),))
        sheets.append(worst([compare(photograph, [])], 1, columns=1)[HEIGHT + 20 :])
    assert len({sheet.tobytes() for sheet in sheets}) == 3
