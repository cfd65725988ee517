from __future__ import annotations

from host.bench.stats import Spread, paired_ratio, spread


def test_ratio_is_taken_round_by_round() -> None:
    # The machine gets ten times slower after the first round; the ratio stays.
    reference = [[2.0, 2.0, 9.0], [20.0, 20.0, 21.0], [20.0, 22.0, 20.0]]
    ratio = paired_ratio([[1.0, 1.0, 1.0], [10.0, 10.0, 10.0], [10.0, 10.0, 50.0]], reference)
    assert (ratio.p25, ratio.p50, ratio.p75) == (0.5, 0.5, 0.5)


def test_spread_is_of_quartiles() -> None:
    assert spread([4.0, 1.0, 2.0, 3.0, 5.0]) == Spread(2.0, 3.0, 4.0)
