"""Against values worked out by hand or published, and against samples whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from device_runtime.timing import Distribution, distribution
from host.compare.stats import (
    independent_ratio,
    least_discordant,
    mcnemar,
    needed,
    paired_ratio,
    quantile,
    resampled,
    values_ratio,
)


def lognormal(rng: np.random.Generator, median: float, n: int = 200) -> Distribution:
    return distribution((median * rng.lognormal(0, 0.1, n)).tolist())


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (0, 5, 2 / 2**5),
        (0, 6, 2 / 2**6),
        # 2 (1 + 13 + 78 + 286) / 2^13.
        (10, 3, 756 / 8192),
        # Fagerland, Lydersen, Laake 2013, table 1: airways before and after transplantation.
        (1, 7, 0.0703125),
        # Agresti, Categorical Data Analysis, 2nd ed., table 10.1: z² = 17.4.
        (150, 86, 3.716e-5),
    ],
)
def test_mcnemars_exact_test(only_a: int, only_b: int, p: float) -> None:
    assert mcnemar(only_a, only_b) == pytest.approx(p, rel=1e-3)
    assert mcnemar(only_a, only_b) == mcnemar(only_b, only_a)


def test_a_thousand_plates_are_no_overflow() -> None:
    # The normal approximation with continuity correction.
    z = (abs(1100 - 1000) - 1) / math.sqrt(2100)
    assert mcnemar(1100, 1000) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.01)


def test_six_plates_are_the_least() -> None:
    assert least_discordant() == 6


def test_a_quantile_is_between_percentiles() -> None:
    found = distribution([1.0, 2.0, 3.0, 4.0, 5.0])
    assert quantile(found, 0.5) == 3.0 and quantile(found, 0.9) == pytest.approx(4.6)


@pytest.mark.parametrize("n", [5, 101, 2001])
def test_a_resampled_median_spreads_as_that_of_uniform_samples(n: int) -> None:
    # Beta(m, m) with n = 2 m - 1 has mean 1/2 and variance 1 / (4 (n + 2)).
    uniform = Distribution(
        n=n,
        min_ms=0,
        p50_ms=0.5,
        p90_ms=0.9,
        p99_ms=0.99,
        max_ms=1,
        percentiles_ms=tuple((np.arange(101) / 100).tolist()),
    )
    draws = resampled(uniform, 0.5, np.random.default_rng(1), 20_000)
    assert draws.mean() == pytest.approx(0.5, abs=0.01)
    assert draws.var() == pytest.approx(1 / (4 * (n + 2)), rel=0.05)


@pytest.mark.parametrize("paired", [True, False])
def test_an_interval_holds_the_truth_nineteen_times_in_twenty(paired: bool) -> None:
    rng, held, times = np.random.default_rng(2), 0, 100
    for _ in range(times):
        # A round's speed is of both sides.
        speeds = rng.lognormal(0, 0.3, 8) if paired else np.ones(8)
        a = [lognormal(rng, speed) for speed in speeds]
        b = [lognormal(rng, 1.1 * speed) for speed in speeds]
        found = (paired_ratio if paired else independent_ratio)(a, b, 0.5)
        held += found.low <= 1.1 <= found.high
    # 95 of a hundred, give or take three standard deviations.
    assert held >= 88


def test_rounds_that_are_slow_on_both_sides_cancel() -> None:
    rng = np.random.default_rng(3)
    speeds = rng.lognormal(0, 0.5, 10)
    a, b = ([lognormal(rng, scale * speed) for speed in speeds] for scale in (1.0, 1.1))
    paired, apart = paired_ratio(a, b, 0.5), independent_ratio(a, b, 0.5)
    assert paired.is_change and paired.value == pytest.approx(1.1, rel=0.02)
    assert paired.half_width < apart.half_width / 5


def test_one_run_each_is_enough_for_a_large_change() -> None:
    rng = np.random.default_rng(4)
    found = independent_ratio([lognormal(rng, 1.0)], [lognormal(rng, 2.0)], 0.5)
    assert found.is_change and found.low < 2.0 < found.high


@pytest.mark.parametrize("paired", [True, False])
def test_numbers_of_runs(paired: bool) -> None:
    values: Sequence[float] = [10, 11, 9, 10, 12, 10, 9, 11]
    same = values_ratio(values, values, paired=paired)
    assert same.value == 1 and not same.is_change
    double = values_ratio(values, [2 * v for v in values], paired=paired)
    assert double.value == 2 and double.is_change


def test_half_the_width_takes_four_times_as_many() -> None:
    assert needed(100, 0.1, 0.05) == 400
    assert needed(100, 0.04, 0.05) == 64
