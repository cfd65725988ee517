from __future__ import annotations

import platform

import numpy as np
import pytest
import torch
import tvm
from torch.nn import functional as F

from device_runtime.errors import FatalError
from host.kernels.context import Pooling, context
from host.kernels.conv import conv
from host.kernels.feature_map import FeatureMap
from host.kernels.pack import pack_vector, pack_weight
from host.kernels.pool import max_pool
from host.kernels.registry import FLOAT32
from host.kernels.select import microkernel_for
from host.kernels.shape import ConvShape, Tile
from host.kernels.tile import default_tile
from host.targets.read import load_target

# Channel counts of pruned networks, kernels and borders of LPRNet.
CONVS = [
    ((3, 3), (0, 0), 3, 64, 24, 94),
    ((1, 1), (0, 0), 23, 57, 5, 7),
    ((3, 1), (1, 0), 32, 32, 6, 13),
    ((1, 3), (0, 1), 17, 40, 4, 11),
    ((1, 4), (0, 0), 64, 48, 3, 21),
    ((13, 1), (0, 0), 30, 68, 16, 18),
]

# What is written in assembly runs in `test_kernels_emulated`, and here on an ARM machine.
FAMILIES = [f for f in FLOAT32.values() if f.by_element is None or platform.machine() == "aarch64"]


def run(function: tvm.tirx.PrimFunc, *arrays: np.ndarray) -> list[np.ndarray]:
    """Compile for this CPU and call; returns the arrays afterwards."""
    symbol = function.attrs["global_symbol"]
    module = tvm.compile(tvm.IRModule({symbol: function}), target="llvm").jit()
    tensors = [tvm.runtime.tensor(a) for a in arrays]
    module[symbol](*tensors)
    return [t.numpy() for t in tensors]


def to_memory(values: np.ndarray, layout: FeatureMap) -> np.ndarray:
    """[C,H,W] → the flat memory of *layout*."""
    c, h, w = values.shape
    ph, pw = layout.pad
    memory = np.zeros((h + 2 * ph, w + 2 * pw, layout.stored), values.dtype)
    memory[ph : ph + h, pw : pw + w, :c] = values.transpose(1, 2, 0)
    return memory.reshape(-1)


def from_memory(memory: np.ndarray, layout: FeatureMap) -> np.ndarray:
    """The flat memory of *layout* → [stored channels, H + border, W + border]."""
    ph, pw = layout.pad
    shape = (layout.height + 2 * ph, layout.width + 2 * pw, layout.stored)
    return memory.reshape(shape).transpose(2, 0, 1)


@pytest.mark.parametrize("microkernel", FAMILIES, ids=lambda f: f.name)
@pytest.mark.parametrize("case", CONVS, ids=str)
@pytest.mark.parametrize("tile", [None, Tile(5, 2, unroll=2, pixels_inner=False), Tile(4, 3)], ids=str)
def test_conv_matches_torch(microkernel, case, tile) -> None:
    (kh, kw), pad, cin, cout, h, w = case
    rng = np.random.default_rng(kh * 100 + cin)
    source = FeatureMap(
        h, w, cin, stored=-(-cin // microkernel.block) * microkernel.block, dtype="float32", pad=pad
    )
    height, width = h + 2 * pad[0] - kh + 1, w + 2 * pad[1] - kw + 1
    stored = -(-cout // microkernel.block) * microkernel.block
    target = FeatureMap(height, width, cout, stored=stored, dtype="float32", pad=(1, 1))
    shape = ConvShape(kernel=(kh, kw), source=source, target=target, relu=True)
    tile = tile or default_tile(shape, microkernel)
    x = rng.standard_normal((cin, h, w), np.float32)
    weight = rng.standard_normal((cout, cin, kh, kw), np.float32)
    bias = rng.standard_normal(cout, np.float32)
    out = np.full(target.shape, np.nan, np.float32)
    *_, out = run(
        conv("k", shape, microkernel, tile),
        to_memory(x, source),
        pack_weight(weight, shape, microkernel, tile),
        pack_vector(bias, shape, microkernel, tile),
        out,
    )
    expected = F.conv2d(*map(torch.from_numpy, (x[None], weight, bias)), padding=pad).relu()[0]
    actual = from_memory(out, target)
    np.testing.assert_allclose(actual[:cout, 1:-1, 1:-1], expected.numpy(), atol=2e-4)
    border = np.ones_like(actual)
    border[:, 1:-1, 1:-1] = 0
    assert not actual[border == 1].any()
    assert not actual[cout:].any()


@pytest.mark.parametrize("microkernel", FLOAT32.values(), ids=lambda f: f.name)
@pytest.mark.parametrize("tile", [Tile(6, 2), Tile(9, 3, unroll=3), Tile(3, 1)], ids=str)
def test_conv_reads_a_planar_image(microkernel, tile) -> None:
    rng = np.random.default_rng(7)
    source = FeatureMap(9, 23, 3, stored=3, dtype="float32", planar=True)
    target = FeatureMap(7, 21, 64, stored=64, dtype="float32")
    shape = ConvShape(kernel=(3, 3), source=source, target=target, relu=False)
    x = rng.standard_normal((1, 3, 9, 23), np.float32)
    weight = rng.standard_normal((64, 3, 3, 3), np.float32)
    bias = rng.standard_normal(64, np.float32)
    out = np.full(target.shape, np.nan, np.float32)
    *_, out = run(
        conv("k", shape, microkernel, tile),
        x,
        pack_weight(weight, shape, microkernel, tile),
        pack_vector(bias, shape, microkernel, tile),
        out,
    )
    expected = F.conv2d(*map(torch.from_numpy, (x, weight, bias)))[0]
    np.testing.assert_allclose(from_memory(out, target), expected.numpy(), atol=2e-5)


def test_fp16_is_for_cpus_that_compute_in_it() -> None:
    assert microkernel_for(load_target("rpi5"), "fp16").name == "fp16-neon"
    for name in ("rpi4", "rpi2", "x86-64-vnni"):
        with pytest.raises(FatalError, match="precision fp16: has no kernels for"):
            microkernel_for(load_target(name), "fp16")


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("lanes", [1, 4, 16])
def test_max_pool_reads_the_leading_channels(stride, lanes) -> None:
    rng = np.random.default_rng(stride)
    source = FeatureMap(7, 15, 64, stored=64, dtype="float32")
    target = FeatureMap(5, (15 - 3) // stride + 1, 32, stored=32, dtype="float32", pad=(0, 1))
    x = rng.standard_normal((64, 7, 15), np.float32)
    out = np.full(target.shape, np.nan, np.float32)
    _, out = run(max_pool("k", source, target, stride, lanes), to_memory(x, source), out)
    expected = F.max_pool2d(torch.from_numpy(x[:32]), 3, (1, stride)).numpy()
    np.testing.assert_array_equal(from_memory(out, target)[:, :, 1:-1], expected)


@pytest.mark.parametrize("kernel, stride, size", [((5, 5), (5, 5), (22, 92)), ((4, 10), (4, 2), (18, 44))])
def test_context_pools_and_sums_squares(kernel, stride, size) -> None:
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
