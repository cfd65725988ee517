from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_runtime.report.latencies import EXACT, RELATIVE_ERROR, Latencies
from device_runtime.report.measure import Measurements
from device_runtime.timing import STAGES, distribution


def filled(samples: list[float]) -> Latencies:
    latencies = Latencies()
    for ms in samples:
        latencies.add(ms)
    return latencies


def test_short_runs_are_exact() -> None:
    samples = np.random.default_rng(1).lognormal(1, 0.5, EXACT).tolist()
    assert filled(samples).exact
    assert filled(samples).distribution() == distribution(samples)


@pytest.mark.parametrize("spread", [0.01, 0.5, 3.0])
def test_long_runs_are_within_the_error_that_they_name(spread: float) -> None:
    samples = np.random.default_rng(2).lognormal(1, spread, 40_000).tolist()
    found, true = filled(samples).distribution(), distribution(samples)
    assert found.n == 40_000
    assert found.relative_error == RELATIVE_ERROR
    assert (found.min_ms, found.max_ms) == (true.min_ms, true.max_ms)
    off = np.array(found.percentiles_ms) / np.array(true.percentiles_ms) - 1
    # A report's numbers are rounded to 10 ns.
    assert np.abs(off).max() <= RELATIVE_ERROR + 1e-3
    assert list(found.percentiles_ms) == sorted(found.percentiles_ms)


def test_frames_without_a_plate_take_no_time_in_some_stages() -> None:
    latencies = filled([0.0] * EXACT + [2.0] * EXACT)
    found = latencies.distribution()
    assert (found.min_ms, found.percentiles_ms[25], found.max_ms) == (0.0, 0.0, 2.0)
    assert found.p90_ms == pytest.approx(2.0, rel=RELATIVE_ERROR)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.floats(0, 1e12), min_size=1, max_size=30),
    st.integers(0, EXACT + 5),
    st.integers(0, EXACT + 5),
)
def test_two_runs_make_one(values: list[float], first: int, second: int) -> None:
    samples = (values * (first + second + 1))[: first + second + 1]
    a, b = filled(samples[:first]), filled(samples[first:])
    a.merge(b)
    whole = filled(samples)
    assert a.n == whole.n
    if a.exact == whole.exact:
        assert a.distribution() == whole.distribution()


def test_memory_does_not_grow_with_frames() -> None:
    measured = Measurements()

    def frames(n: int) -> None:
        for i in range(n):
            measured.add(dict.fromkeys(STAGES, 1.0 + i % 977 / 100), 1)

    frames(EXACT + 1)
    tracemalloc.start()
    frames(20_000)
    grown, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert measured.n == EXACT + 20_001
    assert grown < 4096 and peak < 16_384
