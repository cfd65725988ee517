"""Kernels with random inputs and what they must compute, to be run on this CPU or on an emulated one."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tvm
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
from host.kernels.registry import FLOAT32
from host.kernels.shape import ConvShape, Tile
from host.kernels.tile import default_tile
from host.kernels.winograd import PAIRS
from host.network.int8_sums import MAGIC, MAGIC_BITS, FusedRequantization, rows_as_channels

Array = NDArray[Any]

CALLER = Path(__file__).with_name("call_kernels.c")
"""A program that calls kernels on tensors of a file and writes them back."""

CPU_FLAGS = set(Path("/proc/cpuinfo").read_text().split())
"""What this CPU has, among other words."""

RUN_HERE = [m for m in FLOAT32.values() if m.by_element is None or platform.machine() == "aarch64"]
"""Those of fp32 that any CPU of this machine's architecture runs.

What is written in assembly runs in `test_emulated`, and here on an ARM machine.
"""


@dataclass(frozen=True, kw_only=True)
class ConvCase:
    """A convolution to be tried.

    Attributes:
        kernel: (height, width).
        channels: (in, out).
        size: (height, width) of the source.
        pad: zeros around it.
    """

    kernel: tuple[int, int]
    channels: tuple[int, int]
    size: tuple[int, int]
    pad: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        return f"{self.kernel[0]}x{self.kernel[1]} {self.channels[0]}→{self.channels[1]}"

    @property
    def rng(self) -> np.random.Generator:
        """The same numbers for the same case."""
        return np.random.default_rng([*self.kernel, *self.channels])

    def shape(self, microkernel: MicroKernel, dtype: str | None = None, relu: bool = True) -> ConvShape:
        """On maps as *microkernel* wants them, to a map of *dtype*, the microkernel's unless given."""
        (cin, cout), block = self.channels, microkernel.block
        source = FeatureMap(
            *self.size, cin, stored=round_up(cin, block), dtype=microkernel.activation, pad=self.pad
        )
        height, width = (s + 2 * p - k + 1 for s, p, k in zip(self.size, self.pad, self.kernel, strict=True))
        dtype = dtype or microkernel.activation
        target = FeatureMap(height, width, cout, stored=round_up(cout, block), dtype=dtype, pad=(1, 1))
        return ConvShape(kernel=self.kernel, source=source, target=target, relu=relu)


CONVS = [
    ConvCase(kernel=(1, 1), channels=(23, 57), size=(5, 7)),
    ConvCase(kernel=(3, 1), channels=(32, 32), size=(6, 13), pad=(1, 0)),
    ConvCase(kernel=(1, 3), channels=(17, 40), size=(4, 11), pad=(0, 1)),
    ConvCase(kernel=(1, 4), channels=(64, 48), size=(3, 21)),
    ConvCase(kernel=(13, 1), channels=(30, 68), size=(16, 18)),
    ConvCase(kernel=(3, 3), channels=(9, 5), size=(4, 9)),
]
"""Kernels and borders of LPRNet's, with channels of pruned networks too."""

WINOGRAD = [Tile(2, 2, unroll=2, pixels_inner=inner, scheme=m) for m in PAIRS for inner in (True, False)]
"""Tiles and strips with remainders."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """A kernel to be run.

    Attributes:
        name: what is tried.
        function: the kernel.
        tensors: its arguments, outputs last.
        check: fails unless the tensors, after the call, are right.
    """

    name: str
    function: tirx.PrimFunc
    tensors: list[Array]
    check: Callable[[Sequence[Array]], None]


def run(function: tirx.PrimFunc, *arrays: Array, target: Any = "llvm") -> list[Array]:
    """Compile for this CPU, or what *target* says of it, and call; the arrays afterwards."""
    symbol = function.attrs["global_symbol"]
    module = tvm.compile(tvm.IRModule({symbol: function}), target=tvm.target.Target(target)).jit()
    tensors = [tvm.runtime.tensor(a) for a in arrays]
    module[symbol](*tensors)
    return [t.numpy() for t in tensors]


def run_all(cases: Sequence[Case], target: Any) -> None:
    """Compile all kernels together, call and check each."""
    functions = {case.function.attrs["global_symbol"]: case.function for case in cases}
    module = tvm.compile(tvm.IRModule(functions), target=tvm.target.Target(target)).jit()
    for symbol, case in zip(functions, cases, strict=True):
        tensors = [tvm.runtime.tensor(a) for a in case.tensors]
        module[symbol](*tensors)
        case.check([t.numpy() for t in tensors])


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
    """Memory of *layout* in which nothing is right: every element has to be written."""
    return np.full(layout.shape, 77, layout.dtype)


def operands(
    shape: ConvShape,
    microkernel: MicroKernel,
    tile: Tile,
    source: Array,
    weight: Array,
    *vectors: Array,
) -> list[Array]:
    """Arguments of a convolution's kernel.

    Args:
        source: [C,H,W], or as it lies in memory already.
        weight: [out, in, kh, kw].
        vectors: [out] each.
    """
    data = to_memory(source, shape.source) if source.ndim == 3 else source
    return [
        data,
        pack_weight(weight, shape, microkernel, tile),
        *(pack_vector(v, shape, microkernel, tile) for v in vectors),
        uninitialized(shape.target),
    ]


def convolve(x: Array, weight: Array, bias: Array, padding: tuple[int, int]) -> Array:
    """Reference, exact for integers: [C,H,W] → [out,H',W']."""
    data, kernel, start = (torch.from_numpy(a.astype(np.float64)) for a in (x[None], weight, bias))
    return F.conv2d(data, kernel, start, padding=padding)[0].numpy()


def requantize(sums: Array, multiplier: Array, addend: Array | None = None) -> Array:
    """Reference: sums [C,H,W] → q in 0…255."""
    scaled: Array
    if addend is not None:
        exact = (MAGIC + sums) * multiplier[:, None, None].astype(np.float64)
        scaled = exact + (addend[:, None, None].astype(np.float64) - MAGIC)
    else:
        scaled = sums.astype(np.int32).astype(np.float32) * multiplier[:, None, None]
    return np.rint(np.clip(scaled, np.float32(0), np.float32(255))).astype(np.int64)


def random_weight(rng: np.random.Generator, shape: tuple[int, ...], microkernel: Int8) -> NDArray[np.int8]:
    """Weights as large as the microkernel's sums admit."""
    largest = 127
    while True:
        weight = rng.integers(-largest, largest + 1, shape, np.int8)
        if microkernel.int8_sums.products == 1 or microkernel.int8_sums.largest_sum(weight).max() <= 32767:
            return weight
        largest -= 1


def border(values: Array) -> Array:
    """The outermost elements of [C,H,W]."""
    mask = np.ones(values.shape, bool)
    mask[:, 1:-1, 1:-1] = False
    return values[mask]


def int8_conv(
    symbol: str,
    microkernel: Int8,
    case: ConvCase,
    tile: Tile | None = None,
    real: bool = False,
    extreme: bool = False,
    gain: float = 1,
) -> Case:
    """A quantized convolution.

    Args:
        real: to float32.
        extreme: activations are 0 or 255.
        gain: takes scaled sums beyond what activations hold; from 100 on beyond 16 bits, which takes
            `saturating` microkernels.
    """
    rng, zero_point = case.rng, microkernel.int8_sums.zero_point
    cin, cout = case.channels
    shape = case.shape(microkernel, "float32" if real else None)
    tile = tile or default_tile(shape, microkernel)
    size = (cin, *case.size)
    q = rng.choice([0, 255], size) if extreme else rng.integers(0, 256, size)
    weight = random_weight(rng, (cout, cin, *case.kernel), microkernel)
    bias = rng.integers(-5000, 5000, cout, np.int32)
    magnitude = np.abs(weight).mean() * 100 * np.sqrt(weight[0].size)
    multiplier = (rng.uniform(50, 200, cout) * gain / magnitude).astype(np.float32)
    rounding = None
    if microkernel.int8_sums.fused and not real:
        rounding = FusedRequantization.of(weight, bias.astype(np.float64), multiplier)
    if rounding is not None:
        shape, bias = replace(shape, fused=True), rounding.bias
    sums = convolve(q, weight, bias, case.pad)
    addend = None if rounding is None else rounding.addend
    start = bias - zero_point * weight.sum((1, 2, 3), dtype=np.int32) + np.int32(MAGIC_BITS * shape.fused)
    vectors = [start, multiplier] if addend is None else [start, multiplier, addend]

    def check(tensors: Sequence[Array]) -> None:
        actual = from_memory(tensors[-1], shape.target)
        inner = actual[:cout, 1:-1, 1:-1]
        if real:
            scaled = sums.astype(np.float32) * multiplier[:, None, None]
            np.testing.assert_array_equal(inner, np.maximum(scaled, 0))
        else:
            expected = requantize(sums, multiplier, addend)
            np.testing.assert_array_equal(inner.astype(np.int64) - zero_point, expected)
        assert (border(actual) == shape.target.zero_point).all()
        assert (actual[cout:] == shape.target.zero_point).all()

    function = conv(symbol, shape, microkernel, tile)
    tensors = operands(shape, microkernel, tile, q + zero_point, weight, *vectors)
    return Case(name=str(case), function=function, tensors=tensors, check=check)


def float_conv(symbol: str, microkernel: MicroKernel, case: ConvCase, tile: Tile | None = None) -> Case:
    """A convolution in fp32, or with int8 weights, or in fp16 on integers, exactly."""
    rng, (cin, cout) = case.rng, case.channels
    shape = case.shape(microkernel, relu=not microkernel.requantizes)
    tile = tile or default_tile(shape, microkernel)
    half = microkernel.activation == "float16"

    def draw(*size: int) -> Array:
        return rng.integers(-3, 4, size).astype(np.float16) if half else rng.standard_normal(size, np.float32)

    x, weight, bias = draw(cin, *case.size), draw(cout, cin, *case.kernel), draw(cout)
    scale = rng.uniform(0.01, 0.02, cout).astype(np.float32)
    if microkernel.requantizes:
        weight = rng.integers(-127, 128, weight.shape, np.int8)
        expected = convolve(x, weight, bias, case.pad) * scale[:, None, None]
    else:
        expected = np.maximum(convolve(x, weight, bias, case.pad), 0)

    def check(tensors: Sequence[Array]) -> None:
        actual = from_memory(tensors[-1], shape.target)
        np.testing.assert_allclose(actual[:cout, 1:-1, 1:-1], expected, atol=2e-4)
        assert not border(actual).any()
        assert not actual[cout:].any()

    function = conv(symbol, shape, microkernel, tile)
    vectors = [bias, scale] if microkernel.requantizes else [bias]
    tensors = operands(shape, microkernel, tile, x, weight, *vectors)
    return Case(name=str(case), function=function, tensors=tensors, check=check)


def int8_pool(symbol: str, microkernel: Int8, stride: int, channels: int) -> Case:
    """A max pool over the leading half of the channels."""
    rng, dtype = np.random.default_rng(stride), microkernel.activation
    zero_point, stored = microkernel.int8_sums.zero_point, round_up(channels, microkernel.block)
    source = FeatureMap(5, 13, 2 * channels, stored=2 * stored, dtype=dtype)
    target = FeatureMap(3, (13 - 3) // stride + 1, channels, stored=stored, dtype=dtype, pad=(0, 1))
    q = rng.integers(0, 256, (2 * channels, 5, 13))
    expected = F.max_pool2d(torch.from_numpy(q[None, :channels]).float(), 3, (1, stride))[0].numpy()

    def check(tensors: Sequence[Array]) -> None:
        actual = from_memory(tensors[-1], target)[:channels].astype(np.int64)
        np.testing.assert_array_equal(actual[:, :, 1:-1] - zero_point, expected)
        assert (actual[:, :, [0, -1]] == target.zero_point).all()

    function = max_pool(symbol, source, target, stride, microkernel.activations_per_register)
    tensors = [to_memory(q + zero_point, source), uninitialized(target)]
    return Case(name=f"pool {stride}", function=function, tensors=tensors, check=check)


def int8_context(symbol: str, microkernel: Int8, kernel: tuple[int, int], stride: tuple[int, int]) -> Case:
    """18 columns, as LPRNet's contexts have."""
    rng, block = np.random.default_rng(kernel), microkernel.block
    zero_point, channels = microkernel.int8_sums.zero_point, 20
    size = (9, 17 * stride[1] + kernel[1])
    source = FeatureMap(
        *size, channels, stored=round_up(channels, block), dtype=microkernel.activation, pad=(1, 0)
    )
    pooling = Pooling(source, kernel, stride)
    q = rng.integers(0, 256, (channels, *size))
    activation_scale = rng.uniform(0.01, 2, channels).astype(np.float32)
    real = torch.from_numpy(q * activation_scale[:, None, None].astype(np.float64))
    pooled = F.avg_pool2d(real, kernel, stride).numpy()

    def check(tensors: Sequence[Array]) -> None:
        pooled_map = tensors[-1].reshape(19, -1)
        means, squares = pooled_map[:18], pooled_map[18]
        np.testing.assert_allclose(means[:, :channels].T, pooled.mean(1), rtol=1e-5)
        np.testing.assert_allclose(squares[:channels], (pooled**2).sum((1, 2)), rtol=1e-5)
        assert not means[:, channels:].any()
        assert not squares[channels:].any()

    function = context(symbol, pooling, microkernel.fp32.lanes)
    out = np.full(pooling.size, 77, np.float32)
    tensors = [to_memory(q + zero_point, source), window_scale(pooling, activation_scale), out]
    return Case(name=f"context {kernel}", function=function, tensors=tensors, check=check)


def image(symbol: str, microkernel: Int8) -> Case:
    """Every pixel value, and values between and beyond them."""
    rng = np.random.default_rng(0)
    target = image_map(24, 94, 3, microkernel)
    values = rng.integers(0, 256, (3, 24, 94)).astype(np.float32)
    values[:, 0, :10] = [-3, -0.5, 0.4, 0.5, 1.5, 2.5, 254.5, 255.4, 255.5, 300]
    tensor = (values - np.float32(127.5)) * np.float32(0.0078125)
    expected = np.rint(np.clip(values, 0, 255)) + microkernel.int8_sums.zero_point

    def check(tensors: Sequence[Array]) -> None:
        pixels = tensors[-1][: 24 * 94 * 4].reshape(24, 94, 4)[:, :, :3]
        np.testing.assert_array_equal(pixels.transpose(2, 0, 1), expected)

    function = quantize_image(symbol, target, 127.5, 0.0078125, microkernel.fp32.lanes)
    return Case(name="image", function=function, tensors=[tensor[None], uninitialized(target)], check=check)


def stem(symbol: str, microkernel: Int8) -> Case:
    """The first convolution, which reads pixels as words."""
    rng, zero_point = np.random.default_rng(1), microkernel.int8_sums.zero_point
    source = image_map(24, 94, 3, microkernel)
    stored = round_up(40, microkernel.block)
    target = FeatureMap(22, 92, 40, stored=stored, dtype=microkernel.activation)
    shape = ConvShape(kernel=(3, 1), source=source, target=target, relu=True)
    tile = default_tile(shape, microkernel)
    pixels = rng.integers(0, 256, (3, 24, 94))
    words = np.zeros((24, 94, 4), np.int64)
    words[:, :, :3] = pixels.transpose(1, 2, 0) + zero_point
    data = np.full(source.shape, 77, source.dtype)
    data[: words.size] = words.reshape(-1)
    words_weight = random_weight(rng, (40, 12, 3, 1), microkernel)
    weight = words_weight.reshape(40, 3, 4, 3)[:, :, :3].transpose(0, 2, 3, 1)
    bias = rng.integers(-5000, 5000, 40, np.int32)
    multiplier = np.full(40, 0.003, np.float32)
    expected = requantize(convolve(pixels, weight, bias, (0, 0)), multiplier)
    start = bias - zero_point * weight.sum((1, 2, 3), dtype=np.int32)

    def check(tensors: Sequence[Array]) -> None:
        actual = from_memory(tensors[-1], target)[:40].astype(np.int64)
        np.testing.assert_array_equal(actual - zero_point, expected)

    function = conv(symbol, shape, microkernel, tile)
    tensors = operands(shape, microkernel, tile, data, rows_as_channels(weight), start, multiplier)
    return Case(name="stem", function=function, tensors=tensors, check=check)


Maker = Callable[[str], Case]
"""Makes a case whose kernel has the name given."""


def int8_cases(microkernel: Int8) -> list[Case]:
    """All kernels of a quantized network."""
    tiles = (None, Tile(5, 3, unroll=2, pixels_inner=False))
    int8 = partial(int8_conv, microkernel=microkernel)
    makers: list[Maker] = [
        *(partial(int8, case=case, tile=tile) for case in CONVS for tile in tiles),
        partial(int8, case=CONVS[0], tile=Tile(2, 1), extreme=True),
        partial(int8, case=CONVS[3], tile=Tile(3, 5), extreme=True),
        partial(int8, case=CONVS[4], real=True),
        partial(int8, case=CONVS[4], tile=Tile(3, 5, unroll=2), real=True),
        partial(int8_conv, microkernel=microkernel.saturating(), case=CONVS[1], extreme=True, gain=300),
        partial(int8, case=CONVS[1], tile=Tile(4, 1), gain=4),
        partial(int8_pool, microkernel=microkernel, stride=1, channels=64),
        partial(int8_pool, microkernel=microkernel, stride=2, channels=23),
        partial(int8_context, microkernel=microkernel, kernel=(5, 5), stride=(5, 5)),
        partial(int8_context, microkernel=microkernel, kernel=(4, 10), stride=(4, 2)),
        partial(image, microkernel=microkernel),
        partial(stem, microkernel=microkernel),
        *_float_makers(microkernel.fp32),
    ]
    return made(makers)


def float_cases(microkernel: MicroKernel) -> list[Case]:
    """All convolutions of a float network."""
    return made(_float_makers(microkernel))


def _float_makers(microkernel: MicroKernel) -> list[Maker]:
    tiles = [
        (case, tile)
        for case in CONVS
        for tile in (None, Tile(4, 3), Tile(5, 2, unroll=2, pixels_inner=False))
    ]
    if not microkernel.requantizes and microkernel.accumulator == "float32":
        tiles += [(case, tile) for case in CONVS[1:3] for tile in WINOGRAD]
    return [partial(float_conv, microkernel=microkernel, case=case, tile=tile) for case, tile in tiles]


def made(makers: Sequence[Maker]) -> list[Case]:
    """The cases, their kernels numbered."""
    return [make(f"k{i}") for i, make in enumerate(makers)]
