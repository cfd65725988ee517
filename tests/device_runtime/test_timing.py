from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_runtime.timing import StageClock, distribution


def test_laps_add_up_to_the_whole() -> None:
    clock = StageClock()
    for stage in ("a", "b", "a"):
        clock.lap(stage)
    assert list(clock.ms) == ["a", "b"]
    assert all(ms >= 0 for ms in clock.ms.values())


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=50))
def test_distribution(samples: list[float]) -> None:
    d = distribution(samples)
    assert d.n == len(samples)
    assert d.min_ms == round(min(samples), 5)
    assert d.max_ms == round(max(samples), 5)
    # Two ways to the mean of two may differ in the last bit, and so round up and down.
    assert d.p50_ms == pytest.approx(float(np.median(samples)), abs=1.01e-5)
    assert list(d.percentiles_ms) == sorted(d.percentiles_ms)
    assert (d.percentiles_ms[50], d.percentiles_ms[90], d.percentiles_ms[99]) == (
        d.p50_ms,
        d.p90_ms,
        d.p99_ms,
    )
