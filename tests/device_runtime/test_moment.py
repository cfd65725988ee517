from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from device_runtime.moment import Moment, clock_is_synchronized


def test_now_has_an_offset_and_goes_on() -> None:
    one, other = Moment.now(), Moment.now()
    assert one.clock.utcoffset() is not None and one.monotonic <= other.monotonic
    assert clock_is_synchronized() in (False, True)


def test_earlier_moments_by_the_clock_as_it_is_now() -> None:
    clock = datetime(2026, 11, 26, 8, 0, tzinfo=timezone(timedelta(hours=1)))
    assert Moment(100.0, clock, True).at(40.0) == clock - timedelta(minutes=1)


def test_a_clock_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        Moment(0.0, datetime(2026, 11, 26), True)
