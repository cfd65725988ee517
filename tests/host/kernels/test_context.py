"""Contexts against torch, on this CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from host.kernels.context import Pooling, concatenate, context, transpose_logits
from host.kernels.feature_map import FeatureMap
from tests.host.kernels.kernel_cases import from_memory, run, to_memory


@pytest.mark.parametrize("kernel, stride, size", [((5, 5), (5, 5), (22, 92)), ((4, 10), (4, 2), (18, 44))])
def test_context_pools_and_sums_squares(
    kernel: tuple[int, int], stride: tuple[int, int], size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(size[0])
    source = FeatureMap(*size, 20, stored=32, dtype="float32")
    pooling = Pooling(source, kernel, stride)
    x = rng.standard_normal((20, *size), np.float32)
    out = np.zeros((pooling.size,), np.float32)
    _, out = run(context("k", pooling, 16), to_memory(x, source), out)
    means, squares = out[:-32], out[-32:]
    pooled = F.avg_pool2d(torch.from_numpy(x), kernel, stride)
    np.testing.assert_allclose(means.reshape(18, 32)[:, :20].T, pooled.mean(1).numpy(), atol=1e-5)
    np.testing.assert_allclose(squares[:20], pooled.square().sum((1, 2)).numpy(), rtol=1e-4)


@pytest.mark.parametrize("scaled", [False, True])
def test_contexts_are_divided_by_their_mean_squares_side_by_side(scaled: bool) -> None:
    rng = np.random.default_rng(0)
    poolings = [
        Pooling(FeatureMap(8, 36, channels, stored=8, dtype="float32"), (4, 2), (4, 2)) for channels in (5, 8)
    ]
    pooled = []
    for pooling in poolings:
        values = rng.uniform(1, 2, (19, 8)).astype(np.float32)
        values[:, pooling.source.channels :] = 0
        pooled.append(values)
    target = FeatureMap(1, 18, 16, stored=16, dtype="float32")
    factor = rng.uniform(1, 2, 16).astype(np.float32)
    arguments = [
        *(p.ravel() for p in pooled),
        *([factor] if scaled else []),
        np.zeros(target.shape, np.float32),
    ]
    *_, out = run(concatenate("k", poolings, target, 4, scaled), *arguments)
    expected = np.concatenate(
        [
            p[:18] * (pooling.source.channels * 2 * 18 / p[18].sum())
            for p, pooling in zip(pooled, poolings, strict=True)
        ],
        1,
    )
    np.testing.assert_allclose(out.reshape(18, 16), expected * (factor if scaled else 1), rtol=1e-5)


def test_logits_are_transposed_and_lose_what_is_only_stored() -> None:
    source = FeatureMap(1, 18, 73, stored=80, dtype="float32")
    x = np.random.default_rng(0).standard_normal((73, 1, 18), np.float32)
    memory = to_memory(x, source)
    _, out = run(transpose_logits("k", source), memory, np.zeros((1, 73, 18), np.float32))
    np.testing.assert_array_equal(out[0], x[:, 0])
    np.testing.assert_array_equal(from_memory(memory, source)[:73], x)
