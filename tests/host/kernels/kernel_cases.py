"""Kernels with random inputs and what they must compute, to be run on this CPU or on an emulated one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F
from tvm import tirx

from host.kernels.context import Pooling, context, window_scale
from host.kernels.conv import conv
from host.kernels.feature_map import FeatureMap
from host.kernels.image import image_map, quantize_image
from host.kernels.int8 import Int8
from host.kernels.microkernel import MicroKernel
from host.kernels.pack import pack_vector, pack_weight
from host.kernels.pool import max_pool
from host.kernels.shape import ConvShape, Tile
from host.kernels.tile import default_tile
from host.kernels.winograd import PAIRS
from host.network.int8_sums import MAGIC, MAGIC_BITS, FusedRequantization, rows_as_channels

Array = NDArray[np.generic]

# (kernel, padding, channels in, channels out, height, width): LPRNet's, with channels of pruned networks too.
CONVS = [
    ((1, 1), (0, 0), 23, 57, 5, 7),
    ((3, 1), (1, 0), 32, 32, 6, 13),
    ((1, 3), (0, 1), 17, 40, 4, 11),
    ((1, 4), (0, 0), 64, 48, 3, 21),
    ((13, 1), (0, 0), 30, 68, 15, 18),
    ((3, 3), (0, 0), 9, 5, 4, 9),
]
# Tiles and strips with remainders.
WINOGRAD = [Tile(2, 2, unroll=2, pixels_inner=inner, scheme=m) for m in PAIRS for inner in (True, False)]


@dataclass(frozen=True, eq=False)
class Case:
    """A kernel, its tensors, the last of them outputs, and the check of all tensors after the call."""

    name: str
    function: tirx.PrimFunc
    tensors: list[Array]
    check: Callable[[list[Array]], None]


def round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def to_memory(values: Array, layout: FeatureMap) -> Array:
    """[C,H,W] → the flat memory of *layout*, with zeros where nothing is."""
    c, h, w = values.shape
    ph, pw = layout.pad
    memory = np.full((h + 2 * ph, w + 2 * pw, layout.stored), layout.zero_point, layout.dtype)
    memory[ph : ph + h, pw : pw + w, :c] = values.transpose(1, 2, 0)
    return memory.reshape(-1)


def from_memory(memory: Array, layout: FeatureMap) -> Array:
    """The flat memory of *layout* → [stored channels, H + border, W + border]."""
    ph, pw = layout.pad
    shape = (layout.height + 2 * ph, layout.width + 2 * pw, layout.stored)
    return memory.reshape(shape).transpose(2, 0, 1)


def uninitialized(layout: FeatureMap) -> Array:
    return np.full(layout.shape, 77, layout.dtype)


def convolve(x: Array, weight: Array, bias: Array, padding: tuple[int, int]) -> Array:
    """Exact for integers."""
    operands = (torch.from_numpy(a.astype(np.float64)) for a in (x[None], weight, bias))
    return F.conv2d(*operands, padding=padding)[0].numpy()


def requantize(sums: Array, multiplier: Array, addend: Array | None = None) -> Array:
    if addend is not None:
        exact = (MAGIC + sums) * multiplier[:, None, None].astype(np.float64)
        scaled = exact + (addend[:, None, None].astype(np.float64) - MAGIC)
    else:
        scaled = sums.astype(np.int32).astype(np.float32) * multiplier[:, None, None]
    return np.rint(np.clip(scaled, np.float32(0), np.float32(255))).astype(np.int64)


def random_weight(rng: np.random.Generator, shape: tuple[int, ...], microkernel: Int8) -> NDArray[np.int8]:
    """Weights as large as the microkernel's arithmetic admits."""
    largest = 127
    while True:
        weight = rng.integers(-largest, largest + 1, shape, np.int8)
        if microkernel.int8_sums.products == 1 or microkernel.int8_sums.largest_sum(weight).max() <= 32767:
            return weight
        largest -= 1


def border(values: Array) -> Array:
    mask = np.ones(values.shape, bool)
    mask[:, 1:-1, 1:-1] = False
    return values[mask]


def int8_conv(
    symbol: str,
    microkernel: Int8,
    case: tuple,
    tile: Tile | None,
    real: bool = False,
    fixed: bool = False,
    gain: float = 1,
) -> Case:
    """A quantized convolution, to float32 where *real*; *fixed*: activations at their limits.

    *gain* takes scaled sums beyond what activations hold; from 100 on beyond 16 bits, which takes
    `saturating` microkernels.
    """
    kernel, pad, cin, cout, h, w = case
    rng = np.random.default_rng([*kernel, cin, cout])
    zero_point = microkernel.int8_sums.zero_point
    source = FeatureMap(
        h, w, cin, stored=round_up(cin, microkernel.block), dtype=microkernel.activation, pad=pad
    )
    height, width = h + 2 * pad[0] - kernel[0] + 1, w + 2 * pad[1] - kernel[1] + 1
    dtype = "float32" if real else microkernel.activation
    target = FeatureMap(
        height, width, cout, stored=round_up(cout, microkernel.block), dtype=dtype, pad=(1, 1)
    )
    shape = ConvShape(kernel=kernel, source=source, target=target, relu=True)
    tile = tile or default_tile(shape, microkernel)
    q = rng.choice([0, 255], (cin, h, w)) if fixed else rng.integers(0, 256, (cin, h, w))
    weight = random_weight(rng, (cout, cin, *kernel), microkernel)
    bias = rng.integers(-5000, 5000, cout, np.int32)
    spread = np.abs(weight).mean() * 100 * np.sqrt(cin * kernel[0] * kernel[1])
    multiplier = (rng.uniform(50, 200, cout) * gain / spread).astype(np.float32)
    rounding = None
    if microkernel.int8_sums.fused and not real:
        rounding = FusedRequantization.of(weight, bias.astype(np.float64), multiplier)
    if rounding is not None:
        shape, bias = replace(shape, fused=True), rounding.bias
    sums = convolve(q, weight, bias, pad)
    addend = None if rounding is None else rounding.addend
    start = bias - zero_point * weight.sum((1, 2, 3), dtype=np.int32) + np.int32(MAGIC_BITS * shape.fused)
    vectors = [start, multiplier] if addend is None else [start, multiplier, addend]

    def check(tensors: list[Array]) -> None:
        actual = from_memory(tensors[-1], target)
        inner = actual[:cout, 1:-1, 1:-1]
        if real:
            scaled = sums.astype(np.float32) * multiplier[:, None, None]
            np.testing.assert_array_equal(inner, np.maximum(scaled, 0))
        else:
            np.testing.assert_array_equal(
                inner.astype(np.int64) - zero_point, requantize(sums, multiplier, addend)
            )
        assert (border(actual) == target.zero_point).all()
        assert (actual[cout:] == target.zero_point).all()

    tensors = [
        to_memory(q + zero_point, source),
        pack_weight(weight, shape, microkernel, tile),
        *(pack_vector(v, shape, microkernel, tile) for v in vectors),
        uninitialized(target),
    ]
    return Case(f"{kernel} {cin}→{cout}", conv(symbol, shape, microkernel, tile), tensors, check)


def float_conv(symbol: str, microkernel: MicroKernel, case: tuple, tile: Tile | None) -> Case:
    """A convolution in fp32; where it is scaled, with int8 weights; in fp16, of integers, exactly."""
    kernel, pad, cin, cout, h, w = case
    rng = np.random.default_rng([*kernel, cin, cout])
    source = FeatureMap(
        h, w, cin, stored=round_up(cin, microkernel.block), dtype=microkernel.activation, pad=pad
    )
    height, width = h + 2 * pad[0] - kernel[0] + 1, w + 2 * pad[1] - kernel[1] + 1
    target = FeatureMap(
        height,
        width,
        cout,
        stored=round_up(cout, microkernel.block),
        dtype=microkernel.activation,
        pad=(1, 1),
    )
    shape = ConvShape(kernel=kernel, source=source, target=target, relu=not microkernel.requantizes)
    tile = tile or default_tile(shape, microkernel)
    half = microkernel.activation == "float16"

    def draw(*size: int) -> Array:
        return rng.integers(-3, 4, size).astype(np.float16) if half else rng.standard_normal(size, np.float32)

    x, weight, bias = draw(cin, h, w), draw(cout, cin, *kernel), draw(cout)
    scale = rng.uniform(0.01, 0.02, cout).astype(np.float32)
    if microkernel.requantizes:
        weight = rng.integers(-127, 128, weight.shape, np.int8)
        expected = convolve(x, weight, bias, pad) * scale[:, None, None]
    else:
        expected = np.maximum(convolve(x, weight, bias, pad), 0)

    def check(tensors: list[Array]) -> None:
        actual = from_memory(tensors[-1], target)
        np.testing.assert_allclose(actual[:cout, 1:-1, 1:-1], expected, atol=2e-4)
        assert not border(actual).any()
        assert not actual[cout:].any()

    vectors = [bias, scale] if microkernel.requantizes else [bias]
    tensors = [
        to_memory(x, source),
        pack_weight(weight, shape, microkernel, tile),
        *(pack_vector(v, shape, microkernel, tile) for v in vectors),
        uninitialized(target),
    ]
    return Case(f"{kernel} {cin}→{cout}", conv(symbol, shape, microkernel, tile), tensors, check)


def int8_pool(symbol: str, microkernel: Int8, stride: int, channels: int) -> Case:
    rng = np.random.default_rng(stride)
    zero_point = microkernel.int8_sums.zero_point
    stored = round_up(channels, microkernel.block)
    source = FeatureMap(5, 13, 2 * channels, stored=2 * stored, dtype=microkernel.activation)
    target = FeatureMap(
        3, (13 - 3) // stride + 1, channels, stored=stored, dtype=microkernel.activation, pad=(0, 1)
    )
    q = rng.integers(0, 256, (2 * channels, 5, 13))
    expected = F.max_pool2d(torch.from_numpy(q[None, :channels]).float(), 3, (1, stride))[0].numpy()

    def check(tensors: list[Array]) -> None:
        actual = from_memory(tensors[-1], target)[:channels].astype(np.int64)
        np.testing.assert_array_equal(actual[:, :, 1:-1] - zero_point, expected)
        assert (actual[:, :, [0, -1]] == target.zero_point).all()

    function = max_pool(symbol, source, target, stride, microkernel.activations_per_register)
    return Case(f"pool {stride}", function, [to_memory(q + zero_point, source), uninitialized(target)], check)


def int8_context(symbol: str, microkernel: Int8, kernel: tuple[int, int], stride: tuple[int, int]) -> Case:
    """18 columns, as LPRNet's contexts have."""
    rng = np.random.default_rng(kernel)
    zero_point, channels = microkernel.int8_sums.zero_point, 20
    size = (9, 17 * stride[1] + kernel[1])
    source = FeatureMap(
        *size,
        channels,
        stored=round_up(channels, microkernel.block),
        dtype=microkernel.activation,
        pad=(1, 0),
    )
    pooling = Pooling(source, kernel, stride)
    q = rng.integers(0, 256, (channels, *size))
    activation_scale = rng.uniform(0.01, 2, channels).astype(np.float32)
    real = torch.from_numpy(q * activation_scale[:, None, None].astype(np.float64))
    pooled = F.avg_pool2d(real, kernel, stride).numpy()

    def check(tensors: list[Array]) -> None:
        pooled_map = tensors[-1].reshape(19, -1)
        means, squares = pooled_map[:18], pooled_map[18]
        np.testing.assert_allclose(means[:, :channels].T, pooled.mean(1), rtol=1e-5)
        np.testing.assert_allclose(squares[:channels], (pooled**2).sum((1, 2)), rtol=1e-5)
        assert not means[:, channels:].any()
        assert not squares[channels:].any()

    out = np.full(pooling.size, 77, np.float32)
    tensors = [to_memory(q + zero_point, source), window_scale(pooling, activation_scale), out]
    return Case(f"context {kernel}", context(symbol, pooling, microkernel.fp32.lanes), tensors, check)


def image(symbol: str, microkernel: Int8) -> Case:
    """Every pixel value, and values between and beyond them."""
    rng = np.random.default_rng(0)
    target = image_map(24, 94, 3, microkernel)
    values = rng.integers(0, 256, (3, 24, 94)).astype(np.float32)
    values[:, 0, :10] = [-3, -0.5, 0.4, 0.5, 1.5, 2.5, 254.5, 255.4, 255.5, 300]
    tensor = (values - np.float32(127.5)) * np.float32(0.0078125)
    expected = np.rint(np.clip(values, 0, 255)) + microkernel.int8_sums.zero_point

    def check(tensors: list[Array]) -> None:
        pixels = tensors[-1][: 24 * 94 * 4].reshape(24, 94, 4)[:, :, :3]
        np.testing.assert_array_equal(pixels.transpose(2, 0, 1), expected)

    function = quantize_image(symbol, target, 127.5, 0.0078125, microkernel.fp32.lanes)
    return Case("image", function, [tensor[None], uninitialized(target)], check)


def stem(symbol: str, microkernel: Int8) -> Case:
    """The first convolution, which reads pixels as words."""
    rng = np.random.default_rng(1)
    zero_point = microkernel.int8_sums.zero_point
    source = image_map(24, 94, 3, microkernel)
    target = FeatureMap(22, 92, 40, stored=round_up(40, microkernel.block), dtype=microkernel.activation)
    shape = ConvShape(kernel=(3, 1), source=source, target=target, relu=True)
    tile = default_tile(shape, microkernel)
    pixels = rng.integers(0, 256, (3, 24, 94))
    words = np.zeros((24, 94, 4), np.int64)
    words[:, :, :3] = pixels.transpose(1, 2, 0) + zero_point
    data = np.full(source.shape, 77, source.dtype)
    data[: words.size] = words.reshape(-1)
    words_weight = random_weight(rng, (40, 12, 3, 1), microkernel)
    weight = words_weight.reshape(40, 3, 4, 3)[:, :, :3].transpose(0, 2, 3, 1)
    words_weight = rows_as_channels(weight)
    bias = rng.integers(-5000, 5000, 40, np.int32)
    multiplier = np.full(40, 0.003, np.float32)
    expected = requantize(convolve(pixels, weight, bias, (0, 0)), multiplier)
    start = bias - zero_point * weight.sum((1, 2, 3), dtype=np.int32)

    def check(tensors: list[Array]) -> None:
        actual = from_memory(tensors[-1], target)[:40].astype(np.int64)
        np.testing.assert_array_equal(actual - zero_point, expected)

    tensors = [
        data,
        pack_weight(words_weight, shape, microkernel, tile),
        *(pack_vector(v, shape, microkernel, tile) for v in (start, multiplier)),
        uninitialized(target),
    ]
    return Case("stem", conv(symbol, shape, microkernel, tile), tensors, check)


def int8_cases(microkernel: Int8) -> list[Case]:
    """All kernels of a quantized network."""
    makers: list[Callable[[str], Case]] = [
        *(
            lambda s, c=c, t=t: int8_conv(s, microkernel, c, t)
            for c in CONVS
            for t in (None, Tile(5, 3, unroll=2, pixels_inner=False))
        ),
        lambda s: int8_conv(s, microkernel, CONVS[0], Tile(2, 1), fixed=True),
        lambda s: int8_conv(s, microkernel, CONVS[3], Tile(3, 5), fixed=True),
        lambda s: int8_conv(s, microkernel, CONVS[4], None, real=True),
        lambda s: int8_conv(s, microkernel, CONVS[4], Tile(3, 5, unroll=2), real=True),
        lambda s: int8_conv(s, microkernel.saturating(), CONVS[1], None, fixed=True, gain=300),
        lambda s: int8_conv(s, microkernel, CONVS[1], Tile(4, 1), gain=4),
        lambda s: int8_pool(s, microkernel, 1, 64),
        lambda s: int8_pool(s, microkernel, 2, 23),
        lambda s: int8_context(s, microkernel, (5, 5), (5, 5)),
        lambda s: int8_context(s, microkernel, (4, 10), (4, 2)),
        lambda s: image(s, microkernel),
        lambda s: stem(s, microkernel),
        *float_makers(microkernel.fp32),
    ]
    return [make(f"k{i}") for i, make in enumerate(makers)]


def float_makers(microkernel: MicroKernel) -> list[Callable[[str], Case]]:
    tiles = [
        (case, tile)
        for case in CONVS
        for tile in (None, Tile(4, 3), Tile(5, 2, unroll=2, pixels_inner=False))
    ]
    if not microkernel.requantizes and microkernel.accumulator == "float32":
        tiles += [(case, tile) for case in CONVS[1:3] for tile in WINOGRAD]
    return [lambda s, c=c, t=t: float_conv(s, microkernel, c, t) for c, t in tiles]  # type: ignore[misc]


def float_cases(microkernel: MicroKernel) -> list[Case]:
    return [make(f"k{i}") for i, make in enumerate(float_makers(microkernel))]


CALLER = Path(__file__).with_name("call_kernels.c")
"""A program that calls kernels on tensors of a file and writes them back."""
