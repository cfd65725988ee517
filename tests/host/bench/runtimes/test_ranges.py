from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from host.bench.runtimes.ranges import PERCENTILE, conv_ranges


def test_ranges_are_percentiles(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    images = np.random.default_rng(0).standard_normal((5, 3, 24, 94)).astype(np.float32)
    np.save(path, images)
    before, after = conv_ranges(weights, path)
    assert len(before) == len(after) == 16
    exact = np.percentile(np.abs(images), PERCENTILE, method="higher")
    assert before[0] == pytest.approx(exact, rel=0.01)
    # What one of two convolutions in a row gives, the other takes.
    assert before[2] == after[1]
