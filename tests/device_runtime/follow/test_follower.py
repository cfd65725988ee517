from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_runtime.follow.event import Event
from device_runtime.follow.follower import MOST_PASSAGES, MOST_TRACKS, Follower, sightings_of
from device_runtime.follow.settings import Settings
from device_runtime.follow.track import Sighting
from device_runtime.moment import Moment
from device_runtime.reader import Examined
from tests.device_runtime.follow.drives import START, Drive, drive, follower, moment, sighting
from tests.device_runtime.results import CORNERS, place, plate, unread

CAR, OTHER = "粤B12345", "京AF6789"


def times(begin: float, end: float, fps: float = 10) -> list[float]:
    return [begin + i / fps for i in range(round((end - begin) * fps))]


def flicker(text: str, chance: random.Random, share: float = 0.3) -> str:
    """*text*, now and then with one character misread, missing or put in."""
    if chance.random() > share:
        return text
    i = chance.randrange(len(text))
    return text[:i] + chance.choice(["", "8", "Q", text[i] + "1"]) + text[i + 1 :]


def test_a_car_that_drives_by_is_one_event() -> None:
    chance = random.Random(1)
    what: list[tuple[float, list[Sighting]]] = [
        (
            t,
            [sighting(flicker(CAR, chance), 50 + 150 * t, width=60 + 20 * t)]
            if chance.random() > 0.3
            else [],
        )
        for t in times(0, 4)
    ]
    (event,) = drive(what, Settings(delay="gone"))
    assert event.text == CAR and event.id == "p1" and not event.complete
    assert event.direction.depth == "towards" and event.direction.across == "right"
    assert event.readings == sum(bool(seen) for _, seen in what) and event.alternatives
    assert 3 < event.duration_s <= 4 and event.last_seen - event.first_seen == timedelta(
        seconds=event.duration_s
    )
    assert event.first_seen.utcoffset() == START.utcoffset() and event.clock_synchronized
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event


@pytest.mark.parametrize("delay", ["gone", 0.0, 2.0])
def test_a_parked_car_is_one_event_however_its_text_flickers(delay: float | Literal["gone"]) -> None:
    chance = random.Random(2)
    what = (
        (
            t,
            # Now and then hidden, or so misread that nothing of it is right.
            []
            if t % 60 > 50
            else [
                sighting(
                    OTHER if chance.random() < 0.02 else flicker(CAR, chance, 0.5),
                    300 + chance.random(),
                    200 + chance.random(),
                )
            ],
        )
        for t in times(0, 600)
    )
    assert [event.text for event in drive(what, Settings(delay=delay))] == [CAR]


def test_two_crossing_cars_are_two_events() -> None:
    chance = random.Random(3)
    what = [
        (
            t,
            [
                sighting(flicker(CAR, chance), 100 + 200 * t),
                sighting(flicker(OTHER, chance), 900 - 200 * t, 205),
            ],
        )
        for t in times(0, 4)
    ]
    assert sorted(event.text for event in drive(what)) == sorted([CAR, OTHER])
    ways = {event.text: event.direction.across for event in drive(what, Settings(delay="gone"))}
    assert ways == {CAR: "right", OTHER: "left"}


def test_two_cars_side_by_side_that_differ_in_one_character_are_two() -> None:
    what = [(t, [sighting("粤B12345", 200), sighting("粤B12346", 500)]) for t in times(0, 3)]
    assert sorted(event.text for event in drive(what)) == ["粤B12345", "粤B12346"]


@pytest.mark.parametrize(("away", "events"), [(3, 1), (200, 1), (3600, 2)])
def test_the_same_car_again_is_the_same_passage_within_the_memory(away: float, events: int) -> None:
    what: list[tuple[float, list[Sighting]]] = [(t, [sighting(CAR, 300)]) for t in times(0, 3)]
    what += [(3 + t, []) for t in range(1, round(away))]
    what += [(t, [sighting("粤812345", 700)]) for t in times(3 + away, 6 + away)]
    found = drive(what)
    assert len(found) == events and len({event.id for event in found}) == events


@pytest.mark.parametrize("gap", [0.1, 1.0, 5.0])
def test_another_text_in_the_same_place_is_another_passage(gap: float) -> None:
    what = [(t, [sighting(CAR)]) for t in times(0, 3)] + [
        (t, [sighting(OTHER)]) for t in times(3 + gap, 6 + gap)
    ]
    assert [event.text for event in drive(what)] == [CAR, OTHER]


def test_whole_images_are_followed_by_their_text() -> None:
    def whole(text: str) -> Sighting:
        return Sighting(text=text, character_confidences=(0.8,) * len(text))

    what = [(t, [whole(CAR)]) for t in times(0, 3)] + [(t, [whole(OTHER)]) for t in times(3, 6)]
    events = drive(what)
    assert [event.text for event in events] == [CAR, OTHER]
    assert events[0].corners is None and events[0].direction.across is None


def test_places_without_text_keep_a_plate_followed_and_are_no_event() -> None:
    what = [(t, [replace(sighting(CAR if t < 1 or t > 9 else ""), score=0.99)]) for t in times(0, 10)]
    (event,) = drive(what, Settings(delay="gone", memory=0))
    assert event.duration_s > 9 and event.readings < 25
    assert drive([(t, [sighting("")]) for t in times(0, 3)], Settings(unread=0)) == []


def test_a_plate_that_nobody_can_read_is_an_event_without_a_text() -> None:
    """One that drives by, or that stands where it is seen all the time; not what flickers in one place."""
    passing = [(t, [sighting("", 100 + 200 * t)]) for t in times(0, 3)]
    (event,) = drive(passing)
    assert (event.text, event.confidence, event.readings, event.alternatives) == ("", 0.0, 0, ())
    assert event.direction.across == "right" and event.duration_s == pytest.approx(2.9)
    sure = replace(sighting(""), score=0.99)
    assert [event.text for event in drive([(t, [sure]) for t in times(0, 600)])] == [""]
    hidden = [(t, [] if 20 < t % 60 < 30 else [sure]) for t in times(0, 600)]
    assert [event.text for event in drive(hidden)] == [""]
    dusk = [(t, [sighting(CAR)]) for t in times(0, 60)] + [(t, [sure]) for t in times(70, 300)]
    assert [event.text for event in drive(dusk)] == [CAR]
    assert drive([(t, [sure] if i % 2 else []) for i, t in enumerate(times(0, 3))]) == []
    assert drive([(t, [replace(sure, score=0.8)]) for t in times(0, 3)]) == []
    for asked in (Settings(pattern=".*"), Settings(allow=(CAR,)), Settings(min_confidence=0.1)):
        assert drive(passing, asked) == []
    assert drive(passing[:3]) == []


def test_a_sign_that_is_read_now_and_then_is_no_event() -> None:
    for share, events in ((2, 1), (5, 0)):
        what = [(t, [sighting(CAR if i % share == 0 else "")]) for i, t in enumerate(times(0, 5))]
        assert len(drive(what)) == events


def test_readings_that_do_not_agree_stand_beside_an_event_without_a_text() -> None:
    what = [
        (t, [sighting(f"京A{i}{i}{i}{i}{i}" if i % 9 == 3 else "", 100 + 150 * t)])
        for i, t in enumerate(times(0, 2))
    ]
    (event,) = drive(what)
    assert event.text == "" and event.readings == 2 and event.alternatives[0].text


def test_a_plate_that_moves_is_one_whatever_is_read() -> None:
    """Foreign plates are read differently in each frame, and surely so; nothing else can be where it goes."""
    texts = ["京A11111", "沪B22222", "粤C33333"]
    what = [
        (t, [sighting(texts[i // 4 % 3], 100 + 200 * t, 100 + 60 * t, confidence=0.99)])
        for i, t in enumerate(times(0, 3))
    ]
    assert len(drive(what)) == 1


def test_the_delay_begins_with_the_first_reading() -> None:
    one = follower(Settings(delay=1.0))
    told = [
        t
        for t in times(0, 4)
        if one.add(moment(t), [sighting(CAR if t >= 1.5 else "", 100 + 50 * t, confidence=0.95)])
    ]
    assert told == [pytest.approx(2.5)]


@pytest.mark.parametrize(("better_at", "told_at"), [(2.6, 3.0), (9.0, 3.0), (0.5, 1.0)])
def test_a_text_in_doubt_waits_for_better_frames(better_at: float, told_at: float) -> None:
    """Up to three times the delay; the province is read in a different way in each frame until then."""
    one = follower(Settings(delay=1.0))
    told: list[tuple[float, str]] = []
    for i, t in enumerate(times(0, 8)):
        sure = t >= better_at
        text = CAR if sure else "京沪鲁皖"[i % 4] + CAR[1:]
        seen = sighting(text, confidence=0.99 if sure else 0.8, width=100 if sure else 60)
        told += [(t, passage.event.text) for passage in one.add(moment(t), [seen])]
    ((at, text),) = told
    assert at == pytest.approx(told_at, abs=0.2) and (text == CAR) == (better_at < 3)


def test_the_delay_trades_speed_for_certainty() -> None:
    what = [
        (t, [sighting("粤B12Q45" if t < 0.5 else CAR, confidence=0.6 if t < 0.5 else 0.95)])
        for t in times(0, 5)
    ]
    told: dict[float, tuple[float, str]] = {}
    for delay in (0.0, 2.0):
        one = follower(Settings(delay=delay))
        for t, seen in what:
            for passage in one.add(moment(t), seen):
                told[delay] = t, passage.event.text
    assert told[0.0][0] < 1 and told[0.0][1] == "粤B12Q45"
    assert told[2.0] == (2.0, CAR)


def test_single_readings_need_to_be_sure() -> None:
    def once(confidence: float) -> Drive:
        return [(0.0, [sighting(CAR, confidence=confidence)]), (1.0, []), (9.0, [])]

    assert drive(once(0.8)) == [] and len(drive(once(0.99))) == 1
    assert len(drive(once(0.8), Settings(readings=1))) == 1
    assert drive(once(0.99), Settings(min_confidence=0.95)) == []
    assert drive(once(0.99), Settings(min_width=120)) == []


def test_filters_choose_the_text_and_the_passages() -> None:
    # What weighs most is no plate; one that is has been read too.
    what = [(t, [sighting("粤B123456" if i % 3 else CAR)]) for i, t in enumerate(times(0, 3))]
    assert [event.text for event in drive(what)] == ["粤B123456"]
    for asked in (Settings(grammar=True), Settings(pattern=".[A-Z][0-9]{5}")):
        assert [event.text for event in drive(what, asked)] == [CAR]
    assert drive(what, Settings(pattern="[A-Z]+")) == []
    assert drive(what, Settings(deny=("粤B123456",))) == []
    (event,) = drive(what, Settings(allow=("粤8-I23456",)))
    assert event.text == "粤B123456" and event.listed == "粤8-I23456"


def test_a_line_is_crossed() -> None:
    what = [(t, [sighting(CAR, 300, 100 + 100 * t)]) for t in times(0, 3)]
    for line, way in (((0, 250, 600, 250), "in"), ((600, 250, 0, 250), "out"), ((0, 900, 600, 900), None)):
        (event,) = drive(what, Settings(delay="gone", line=line))
        assert event.direction.line == way


def test_a_passage_is_told_again_when_it_is_over() -> None:
    what: list[tuple[float, list[Sighting]]] = [(t, [sighting(CAR, confidence=0.95)]) for t in times(0, 60)]
    what += [(t, []) for t in range(60, 500)]
    first, last = drive(what, Settings(closing=True))
    assert first.id == last.id and (first.complete, last.complete) == (False, True)
    assert first.duration_s == pytest.approx(2) and last.duration_s == pytest.approx(59.9)
    assert first.readings == 21 and last.readings == 600


def test_a_clock_that_is_set_in_between_and_one_that_falls_back() -> None:
    one = follower(Settings(delay="gone"))
    for t in times(0, 10):
        synchronized = t > 5
        clock = moment(t).clock if synchronized else moment(t).clock.replace(year=1970)
        one.add(Moment(t, clock, synchronized), [sighting(CAR)])
    one.add(moment(2.0), [sighting(CAR)])
    (passage,) = one.close()
    event = passage.event
    assert event.clock_synchronized and event.duration_s == pytest.approx(9.9)
    assert (event.last_seen - event.first_seen).total_seconds() == pytest.approx(9.9)


def test_pictures_are_of_the_best_frame_and_bounded() -> None:
    frames = [np.full((100, 200, 3), i, np.uint8) for i in range(30)]

    def seen(i: int) -> list[Sighting]:
        crop = np.full((24, 94, 3), i, np.uint8)
        return [replace(sighting(CAR, width=130 - 5 * abs(i - 20)), crop=crop)]

    for room, has in ((1 << 20, (True, True)), (10_000, (False, True)), (0, (False, False))):
        one = follower(Settings(delay="gone", picture_bytes=room))
        for i, frame in enumerate(frames):
            assert one.add(moment(i / 10), seen(i), frame, f"#{i}") == []
        (passage,) = one.close()
        assert passage.event.source == "#20" and passage.event.width == 130
        assert (passage.frame is frames[20], passage.crop is not None) == has


def test_memory_is_bounded_and_time_may_stand_still() -> None:
    one = Follower(Settings(readings=1, delay=0.0))
    chance = random.Random(4)
    told = 0
    for i in range(300):
        text = "".join(chance.choices("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=8))
        told += len(one.add(moment(0.0), [sighting(text, 120 * i)]))
    assert told == 300
    assert len(vars(one)["_followed"]) <= MOST_TRACKS and len(vars(one)["_told"]) <= MOST_PASSAGES


SEEN = st.lists(
    st.builds(
        sighting,
        st.text("AB80O1粤 -", max_size=9),
        st.floats(-500, 500),
        st.floats(-500, 500),
        st.floats(1, 300),
        st.floats(0, 1),
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 400), SEEN), max_size=12), st.booleans())
def test_whatever_is_seen_events_are_sound(steps: list[tuple[float, list[Sighting]]], closing: bool) -> None:
    at, what = 0.0, []
    for step, seen in steps:
        at += step
        what.append((at, seen))
    events = drive(what, Settings(readings=1, closing=closing))
    for event in events:
        assert (
            (event.text or not event.confidence)
            and 0 <= event.confidence <= 1
            and event.readings >= 0
            and event.duration_s >= 0
        )
        assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
    opened = [event.id for event in events if not event.complete]
    closed = [event.id for event in events if event.complete]
    assert len(set(opened)) == len(opened) and sorted(closed) == (sorted(opened) if closing else [])


def test_what_a_reader_examined_becomes_sightings() -> None:
    image = np.zeros((24, 94, 3), np.uint8)
    examined = Examined(
        plates=(plate(CAR, image, place()), plate(OTHER, image)),
        unread=(unread("cut", image, place(CORNERS + 300)), unread("unsure", image)),
        timings_ms={},
    )
    first, second, third = sightings_of(examined)
    assert first.text == CAR and first.score == 0.95 and first.crop is image
    # A network's own confidences of the characters are too high.
    assert math.prod(first.character_confidences) == pytest.approx(examined.plates[0].confidence)
    assert first.outline and first.outline.points[0] == (20.0, 30.0)
    assert second.outline is None and second.score == 1.0
    assert third.text == "" and third.outline is not None
