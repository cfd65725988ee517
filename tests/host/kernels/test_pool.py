"""Max pools against torch, on this CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from host.kernels.feature_map import FeatureMap
from host.kernels.pool import max_pool
from tests.host.kernels.kernel_cases import from_memory, run, to_memory


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("lanes", [1, 4, 16])
def test_max_pool_reads_the_leading_channels(stride: int, lanes: int) -> None:
    rng = np.random.default_rng(stride)
    source = FeatureMap(7, 15, 64, stored=64, dtype="float32")
    target = FeatureMap(5, (15 - 3) // stride + 1, 32, stored=32, dtype="float32", pad=(0, 1))
    x = rng.standard_normal((64, 7, 15), np.float32)
    out = np.full(target.shape, np.nan, np.float32)
    _, out = run(max_pool("k", source, target, stride, lanes), to_memory(x, source), out)
    expected = F.max_pool2d(torch.from_numpy(x[:32]), 3, (1, stride)).numpy()
    actual = from_memory(out, target)
    np.testing.assert_array_equal(actual[:, :, 1:-1], expected)
    assert not actual[:, :, [0, -1]].any()
