from __future__ import annotations

import re

import pytest

from device_runtime.timing import distribution
from host.report.plot import Curve, cumulative, linear_ticks, log_ticks


def test_curves_stay_in_the_plot() -> None:
    for samples in ([1.0], [0.0, 0.0], [1e-4, 1e4], [5.0, 5.1, 5.2]):
        svg = cumulative([Curve("x", 0, distribution(samples))])
        points = [
            tuple(map(float, p.split(","))) for p in re.findall(r"[-\d.]+,[-\d.]+", svg.split("curve")[1])
        ]
        assert len(points) == 101
        assert all(44 <= x <= 406 and 10 <= y <= 206 for x, y in points)


@pytest.mark.parametrize(("start", "stop"), [(-3.0, 4.0), (0.0, 0.3), (1.02, 1.1), (-5, -4.9)])
def testlog_ticks(start: float, stop: float) -> None:
    ticks = log_ticks(start, stop)
    assert 2 <= len(ticks) <= 8
    assert all(10**start * 0.8 <= tick <= 10**stop * 1.2 for tick in ticks)


@pytest.mark.parametrize("longest", [0.013, 0.99, 1.0, 3.3, 36.0, 999.0])
def testlinear_ticks(longest: float) -> None:
    ticks = linear_ticks(longest)
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= 11
    assert ticks[-1] <= longest
