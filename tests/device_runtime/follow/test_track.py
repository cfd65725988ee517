from __future__ import annotations

import numpy as np
import pytest

from device_runtime.follow.settings import Settings
from device_runtime.follow.track import Sighting, Track, match, plain, unlikeness
from tests.device_runtime.follow.drives import sighting

SETTINGS = Settings()


def track(*seen: Sighting, step: float = 0.1) -> Track:
    one = Track(seen[0], 0.0, None, "#0", SETTINGS)
    for i, more in enumerate(seen[1:], 1):
        one.see(more, i * step, None, f"#{i}", SETTINGS)
    return one


def test_motion_is_expected_to_go_on_for_a_while() -> None:
    one = track(sighting("AB123", 100), sighting("AB123", 150))
    assert [round(e.centre[0]) for t in (0.1, 0.2, 9.0) if (e := one.expected(t))] == [150, 200, 650]


def test_the_same_text_reaches_far_and_another_does_not() -> None:
    one = track(sighting("AB1234", 100), sighting("AB1234", 100))
    assert unlikeness(one, sighting("AB1234", 350), 0.2, SETTINGS) is not None
    assert unlikeness(one, sighting("AB1Z34", 350), 0.2, SETTINGS) is not None
    assert unlikeness(one, sighting("XY9876", 100), 0.2, SETTINGS) is None
    assert unlikeness(one, sighting("", 100), 0.2, SETTINGS) is not None
    assert unlikeness(one, sighting("", 250), 0.2, SETTINGS) is None
    assert unlikeness(one, sighting("AB1234", 100, width=300), 0.2, SETTINGS) is None


def test_until_readings_agree_the_place_decides() -> None:
    one = track(sighting("AB1234", 100, confidence=0.5))
    assert unlikeness(one, sighting("XY9876", 100), 0.1, SETTINGS) is not None
    assert track(sighting("AB1234", confidence=0.99)).settled


def test_each_track_takes_one_sighting() -> None:
    tracks = [track(sighting("AB1234", 100)), track(sighting("AB1235", 300))]
    seen = [sighting("AB1235", 305), sighting("AB1234", 105), sighting("AB1234", 900)]
    assert match(tracks, seen, 0.1, SETTINGS) == {0: 1, 1: 0}


@pytest.mark.parametrize(
    ("begin", "end", "way"),
    [
        ((300, 100), (300, 200), ("towards", None)),
        ((300, 200), (300, 100), ("away", None)),
        ((100, 100), (500, 100), (None, "right")),
        ((500, 200), (100, 90), ("away", "left")),
        ((300, 100), (310, 103), (None, None)),
    ],
)
def test_directions(begin: tuple[int, int], end: tuple[int, int], way: tuple[str | None, str | None]) -> None:
    steps = np.linspace(begin, end, 20).tolist()
    direction = track(*(sighting("AB1234", x, width=width) for x, width in steps)).direction
    assert (direction.depth, direction.across) == way


def test_the_best_sighting_is_large_sure_and_kept_without_the_frame_behind_it() -> None:
    frame = np.zeros((100, 200, 3), np.uint8)
    seen = sighting("AB1234", width=200, confidence=0.9)
    large = Sighting(**{**vars(seen), "crop": frame[:10, :40]})
    one = track(sighting("AB1234", width=60), large, sighting("AB1234", width=60))
    assert one.best and one.best.source == "#1" and one.best.outline == large.outline
    assert one.best.crop is not None and one.best.crop.base is None


def test_texts_are_normalised_with_their_confidences() -> None:
    seen = plain(Sighting(text="a·B-1", character_confidences=(0.1, 0.2, 0.3, 0.4, float("nan"))))
    assert (seen.text, seen.character_confidences) == ("AB1", (0.1, 0.3, 0.0))
    with pytest.raises(ValueError, match="1 confidences"):
        Sighting(text="AB", character_confidences=(0.5,))
