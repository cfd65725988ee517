"""Which part of an activation's range is represented."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from host.quantize.observe import OBSERVERS, Histogram, histogram, percentile


def normal(seed: int = 0) -> Histogram:
    values = torch.from_numpy(np.abs(np.random.default_rng(seed).standard_normal(200_000)).astype(np.float32))
    values[0] = 40
    return histogram(values, 40.0)


def test_min_max_represents_everything() -> None:
    assert OBSERVERS["min-max"](normal()) == 40


@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.999])
def test_percentile_clips_the_rest(fraction: float) -> None:
    observed = percentile(fraction)(normal())
    values = np.abs(np.random.default_rng(0).standard_normal(200_000))
    assert np.mean(values <= observed) == pytest.approx(fraction, abs=0.01)


def test_entropy_does_not_keep_an_outlier_at_the_cost_of_all_others() -> None:
    assert 3 < OBSERVERS["entropy"](normal()) < 15


def test_least_error_is_less_than_that_of_other_ranges() -> None:
    values = np.abs(np.random.default_rng(1).standard_normal(100_000)).astype(np.float32)
    values[:3] = [17, 18, 20]
    observed = OBSERVERS["mse"](histogram(torch.from_numpy(values), 20.0))

    def error(limit: float) -> float:
        scale = limit / 255
        return float(((np.clip(np.rint(values / scale), 0, 255) * scale - values) ** 2).mean())

    assert error(observed) <= min(map(error, (2.5, 3.0, 20.0)))
