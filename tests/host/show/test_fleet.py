from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from host.show.fleet import condition, moments, throttled
from host.show.trend import ROWS, spread_out, throttling_bands, trend
from tests.fleets import NOW, health_of


@pytest.mark.parametrize(
    ("board", "later_s", "state", "reason"),
    [
        (0, 30, "good", ""),
        (4, 30, "bad", "its camera is away"),
        (5, 30, "doubtful", "its clock is not set"),
        (0, 3600, "silent", "nothing for 60 min"),
    ],
)
def test_a_board_is_as_it_says(board: int, later_s: float, state: str, reason: str) -> None:
    last = list(health_of(board, hours=1))[-1]
    found = condition(last, NOW, NOW + timedelta(seconds=later_s))
    assert found.state == state and reason in "; ".join(found.reasons)


def test_a_board_that_tells_seldom_is_not_silent_at_once() -> None:
    last = msgspec.structs.replace(list(health_of(0, hours=1))[-1], since_s=3600.0)
    assert condition(last, NOW, NOW + timedelta(hours=2)).state == "good"
    ended = msgspec.structs.replace(last, last=True)
    assert condition(ended, NOW, NOW + timedelta(days=9)).state == "ended"
    assert condition(None, NOW, NOW).state == "good"


def test_what_is_over_holds_nothing_back() -> None:
    assert throttled("under-voltage, throttled since boot")
    assert not throttled("under-voltage since boot") and not throttled("none") and not throttled(None)


def test_counts_become_rates_within_a_run() -> None:
    reports = list(health_of(1, hours=2))
    again = msgspec.structs.replace(reports[6], run="another", uptime_s=1.0)
    found = moments([*reports[:6], again, *reversed(reports[7:])])
    assert found[0].frames_per_s is None and found[6].frames_per_s is None
    assert found[3].frames_per_s == pytest.approx(15, rel=0.1)
    assert [one.at for one in found] == sorted(one.at for one in found)


def test_trends_say_when_and_why_it_was_slow() -> None:
    found = moments(list(health_of(3)))
    bands = throttling_bands(found)
    assert bands and all(band.start <= band.stop and "temperature" in band.label for band in bands)
    charts = trend(found)
    assert [chart.title for chart in charts] == [
        "Throughput", "Temperature and throttling", "Latency of a whole frame", "Memory",
    ]  # fmt: skip
    assert all(len(chart.table.rows) == ROWS for chart in charts)
    assert "held back (soft temperature limit)" in charts[1].summary
    assert trend([]) == []


def test_long_tables_are_thinned_evenly() -> None:
    assert spread_out(5, 10) == [0, 1, 2, 3, 4]
    assert spread_out(1001, 11) == list(range(0, 1001, 100))
