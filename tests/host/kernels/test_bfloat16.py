"""Kernels of bfloat16 against numpy, on CPUs that have its instructions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from tvm import tirx

from host.kernels.bfloat16 import to_bfloat16
from host.kernels.context import Pooling, context
from host.kernels.conv import conv
from host.kernels.emit import tensors
from host.kernels.feature_map import BFLOAT16_STORAGE, FeatureMap
from host.kernels.pool import max_pool
from host.kernels.registry import BFLOAT16
from host.kernels.shape import ConvShape, Tile
from host.kernels.tile import default_tile
from tests.host.kernels.kernel_cases import (
    CONVS,
    CPU_FLAGS,
    Array,
    ConvCase,
    border,
    convolve,
    from_memory,
    operands,
    run,
    to_memory,
    uninitialized,
)

needs_bfloat16 = pytest.mark.skipif("avx512_bf16" not in CPU_FLAGS, reason="this CPU has no avx512_bf16")


def call(function: tirx.PrimFunc, *arrays: Array) -> list[Array]:
    target = {"kind": "llvm", "mcpu": "x86-64-v4", "mattr": ["+avx512bf16"]}
    return run(function, *arrays, target=target)


def to_float(bits: Array) -> Array:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def test_rounding_is_that_of_torch() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal(1000).astype(np.float32)
    ties = to_float(np.arange(0x3F80, 0x3F90, dtype=np.uint16)) + np.float32(2**-8)
    for array in (values, ties):
        expected = torch.from_numpy(array).bfloat16().float().numpy()
        np.testing.assert_array_equal(to_float(to_bfloat16(array)), expected)


@needs_bfloat16
@pytest.mark.parametrize("case", CONVS, ids=str)
@pytest.mark.parametrize("tile", [None, Tile(4, 3), Tile(5, 2, unroll=2, pixels_inner=False)], ids=str)
@pytest.mark.parametrize("dtype", [BFLOAT16_STORAGE, "float32"])
def test_convolution_of_integers_is_exact(case: ConvCase, tile: Tile | None, dtype: str) -> None:
    rng, (cin, cout) = case.rng, case.channels
    shape = case.shape(BFLOAT16, dtype)
    tile = tile or default_tile(shape, BFLOAT16)
    sizes = (cin, *case.size), (cout, cin, *case.kernel), (cout,)
    x, weight, bias = (rng.integers(-9, 10, size).astype(np.float32) for size in sizes)
    arguments = operands(shape, BFLOAT16, tile, to_bfloat16(x), BFLOAT16.encode(weight), bias)
    *_, out = call(conv("k", shape, BFLOAT16, tile), *arguments)
    expected = np.maximum(convolve(x, weight, bias, case.pad), 0).astype(np.float32)
    actual = from_memory(out, shape.target)
    if dtype == BFLOAT16_STORAGE:
        actual, expected = to_float(actual), to_float(to_bfloat16(expected))
    np.testing.assert_array_equal(actual[:cout, 1:-1, 1:-1], expected)
    assert not border(actual).any()
    assert not actual[cout:].any()


@needs_bfloat16
@pytest.mark.parametrize("tile", [Tile(6, 3), Tile(9, 2, unroll=3)], ids=str)
def test_first_convolution_reads_float32(tile: Tile) -> None:
    rng = np.random.default_rng(7)
    source = FeatureMap(9, 23, 3, stored=3, dtype="float32", planar=True)
    target = FeatureMap(7, 21, 64, stored=64, dtype=BFLOAT16_STORAGE)
    shape = ConvShape(kernel=(3, 3), source=source, target=target, relu=True)
    x = rng.standard_normal((1, 3, 9, 23), np.float32)
    weight = rng.standard_normal((64, 3, 3, 3), np.float32)
    bias = rng.standard_normal(64, np.float32)
    encoded = BFLOAT16.for_source(source).encode(weight)
    *_, out = call(conv("k", shape, BFLOAT16, tile), *operands(shape, BFLOAT16, tile, x, encoded, bias))
    expected = np.maximum(convolve(x[0], weight, bias, (0, 0)), 0)
    np.testing.assert_allclose(to_float(from_memory(out, target)), expected, rtol=2**-8, atol=2e-5)


@needs_bfloat16
@pytest.mark.parametrize("stride, channels", [(1, 64), (2, 16)])
def test_max_pool(stride: int, channels: int) -> None:
    rng, dtype = np.random.default_rng(stride), BFLOAT16_STORAGE
    source = FeatureMap(5, 13, 2 * channels, stored=2 * channels, dtype=dtype)
    target = FeatureMap(3, (13 - 3) // stride + 1, channels, stored=channels, dtype=dtype, pad=(0, 1))
    x = to_bfloat16(rng.exponential(1, (2 * channels, 5, 13)).astype(np.float32))
    function = max_pool("k", source, target, stride, BFLOAT16.activations_per_register)
    _, out = call(function, to_memory(x, source), uninitialized(target))
    expected = F.max_pool2d(torch.from_numpy(to_float(x[None, :channels])), 3, (1, stride))[0].numpy()
    np.testing.assert_array_equal(to_float(from_memory(out, target))[:, :, 1:-1], expected)


@needs_bfloat16
@pytest.mark.parametrize("kernel, stride", [((5, 5), (5, 5)), ((4, 10), (4, 2))])
def test_context(kernel: tuple[int, int], stride: tuple[int, int]) -> None:
    rng = np.random.default_rng(kernel)
    size = (9, 17 * stride[1] + kernel[1])
    source = FeatureMap(*size, 20, stored=32, dtype=BFLOAT16_STORAGE, pad=(1, 0))
    pooling = Pooling(source, kernel, stride)
    x = to_bfloat16(rng.exponential(1, (20, *size)).astype(np.float32))
    function = context("k", pooling, BFLOAT16.activations_per_register)
    outputs = [np.full(shape, 77, dtype) for shape, dtype in tensors(function)[1:]]
    _, *results = call(function, to_memory(x, source), *outputs)
    pooled = F.avg_pool2d(torch.from_numpy(to_float(x)), kernel, stride).double().numpy()
    *means, squares = np.concatenate(results).reshape(-1, 32)
    np.testing.assert_allclose(np.stack(means)[:, :20].T, pooled.mean(1), rtol=1e-5)
    np.testing.assert_allclose(squares[:20], (pooled**2).sum((1, 2)), rtol=1e-5)
