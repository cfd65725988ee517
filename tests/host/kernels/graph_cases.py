"""Kernels of networks that find plates, as `kernel_cases` has those of LPRNet's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F
from tvm import tirx

from device_runtime.locate.geometry import Fit
from device_runtime.locate.letterbox import letterbox, tables
from device_runtime.locate.warp import Homography, numbers, warp
from host.kernels.conv import conv
from host.kernels.emit import Expr
from host.kernels.extent import multiple_of, scaled, variable
from host.kernels.feature_map import BFLOAT16_STORAGE, FeatureMap
from host.kernels.image import border_image, image_map
from host.kernels.int8 import Int8
from host.kernels.letterbox import letterbox as letterbox_kernel
from host.kernels.microkernel import MicroKernel
from host.kernels.pack import pack_vector, pack_weight
from host.kernels.planar import planes
from host.kernels.shape import ConvShape, Tile
from host.kernels.tile import default_tile
from host.kernels.warp import warp as warp_kernel
from host.network.int8_sums import MAGIC_BITS, FusedRequantization, rows_as_channels
from tests.host.kernels.kernel_cases import (
    Array,
    Case,
    Maker,
    border,
    from_memory,
    made,
    random_weight,
    requantize,
    round_up,
    uninitialized,
)


@dataclass(frozen=True, kw_only=True)
class GraphCase:
    """A convolution of a square kernel, padded so that only its stride makes the map smaller.

    Attributes:
        kernel: its height and width.
        channels: (in, out).
        cells: (height, width) of the target, or of what is repeated to it, in units of `multiple`.
        multiple: pixels of a cell.
        stride: 1 or 2.
        border: zeros around the source, more than the kernel may want.
        added: the result is repeated to 2 × 2 pixels and another map added.
        fixed: the size is known when the kernel is generated.
        image: the source is one.
    """

    kernel: int
    channels: tuple[int, int]
    cells: tuple[int, int] = (2, 5)
    multiple: int = 2
    stride: int = 1
    border: int = 1
    added: bool = False
    fixed: bool = False
    image: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Of what is computed."""
        return self.cells[0] * self.multiple, self.cells[1] * self.multiple

    @property
    def source_size(self) -> tuple[int, int]:
        return self.size[0] * self.stride, self.size[1] * self.stride

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng([self.kernel, *self.channels, self.stride])

    def shape(self, microkernel: MicroKernel, dtype: str | None = None) -> ConvShape:
        """On maps as *microkernel* wants them, to a map of *dtype*, the microkernel's unless given."""
        sides: tuple[Expr, Expr] = self.cells if self.fixed else (variable("h"), variable("w"))
        slack, (cin, cout) = microkernel.channels_per_load, self.channels

        def layout(channels: int, times: int, dtype: str, pad: int) -> FeatureMap:
            multiple = self.multiple * times
            height, width = (scaled(side, multiple) for side in sides)
            stored = round_up(channels, microkernel.granule)
            return FeatureMap(
                height, width, channels, stored=stored, dtype=dtype, pad=(pad, pad), slack=slack
            )

        source = layout(cin, self.stride, microkernel.activation, self.border)
        if self.image:
            source = replace(source, stored=cin)
            if microkernel.quantized:
                source = replace(
                    image_map(source.height, source.width, self.kernel, microkernel), pad=source.pad
                )
        times = 2 if self.added else 1
        return ConvShape(
            kernel=(self.kernel, 1 if source.pitch else self.kernel),
            source=source,
            target=layout(cout, times, dtype or microkernel.activation, 1),
            relu=dtype is None,
            stride=self.stride,
            padding=(self.kernel // 2, self.kernel // 2),
            added=layout(cout, 2, microkernel.activation, 1) if self.added else None,
        )

    def at_its_size(self, function: tirx.PrimFunc, shape: ConvShape) -> tirx.PrimFunc:
        """The kernel without the parameters that say how large the maps are."""
        numbers = dict(zip(shape.variables, self.cells, strict=False))
        return function.specialize(numbers) if numbers else function

    def real(self, layout: FeatureMap) -> FeatureMap:
        """*layout* at the case's size."""
        if isinstance(layout.height, int):
            return layout
        rows, columns = multiple_of(layout.height), multiple_of(layout.width)
        return replace(layout, height=rows * self.cells[0], width=columns * self.cells[1])

    def convolve(self, x: Array, weight: Array, bias: Array) -> Array:
        """Reference, exact for integers."""
        data, kernel, start = (torch.from_numpy(a.astype(np.float64)) for a in (x[None], weight, bias))
        return F.conv2d(data, kernel, start, self.stride, self.kernel // 2)[0].numpy()


CASES = [
    GraphCase(kernel=3, channels=(3, 8), stride=2, multiple=16, cells=(1, 5), image=True),
    GraphCase(kernel=3, channels=(8, 24), stride=2, multiple=8, cells=(1, 5)),
    GraphCase(kernel=3, channels=(20, 24), stride=2, cells=(3, 9)),
    GraphCase(kernel=3, channels=(24, 40), cells=(2, 5)),
    GraphCase(kernel=3, channels=(32, 13), cells=(2, 7), border=2, fixed=True),
    GraphCase(kernel=1, channels=(40, 24), cells=(2, 4), added=True),
    GraphCase(kernel=1, channels=(80, 64), multiple=1, cells=(3, 5), added=True, fixed=True),
]
LINEAR = GraphCase(kernel=1, channels=(32, 11), border=0)
"""A head's."""
TILES = (None, Tile(3, 2, unroll=2, pixels_inner=False))


def repeated(x: Array) -> Array:
    """[C,H,W] → [C,2·H,2·W]."""
    return x.repeat(2, 1).repeat(2, 2)


def memory(values: Array, layout: FeatureMap, rest: int = 77) -> Array:
    """[C,H,W] → memory of *layout*: the border as it has to be, everything else *rest*."""
    c, h, w = values.shape
    (ph, pw), pixel = layout.pad, layout.pixel
    whole = np.full((h + 2 * ph, w + 2 * pw, pixel), layout.zero_point, layout.dtype)
    if layout.pitch is None:
        whole[ph : ph + h, pw : pw + w, :c] = values.transpose(1, 2, 0)
    else:
        whole[ph : ph + h, pw : pw + w, :c] = values.transpose(1, 2, 0)
        whole[:, :, c:] = rest
    flat = np.full(layout.shape, 0 if layout.dtype.startswith("float") else rest, layout.dtype)
    flat[: whole.size] = whole.reshape(-1)
    return flat


def image_of(after: Array, layout: FeatureMap) -> Array:
    """`from_memory` for a map with slack."""
    return from_memory(after[: len(after) - layout.slack], layout)


def int8_graph_conv(
    symbol: str, microkernel: Int8, case: GraphCase, tile: Tile | None = None, linear: bool = False
) -> Case:
    """A quantized convolution; *linear* to float32."""
    rng, (cin, cout), zero_point = case.rng, case.channels, microkernel.int8_sums.zero_point
    microkernel = microkernel.saturating() if case.added else microkernel
    assert isinstance(microkernel, Int8)
    shape = case.shape(microkernel, "float32" if linear else None)
    q = rng.integers(0, 256, (cin, *case.source_size))
    weight = random_weight(rng, (cout, cin, case.kernel, case.kernel), microkernel)
    packed = weight
    if shape.source.pitch is not None:
        words = random_weight(rng, (cout, 4 * case.kernel, case.kernel, 1), microkernel)
        weight = words.reshape(cout, case.kernel, 4, case.kernel)[:, :, :3].transpose(0, 2, 3, 1)
        packed = rows_as_channels(weight)
    bias = rng.integers(-5000, 5000, cout, np.int32)
    magnitude = np.abs(weight).mean() * 100 * np.sqrt(weight[0].size)
    multiplier = (rng.uniform(50, 200, cout) / magnitude).astype(np.float32)
    rounding = None
    if microkernel.int8_sums.fused and not linear and not case.added:
        rounding = FusedRequantization.of(weight, bias.astype(np.float64), multiplier)
    if rounding is not None:
        shape, bias = replace(shape, fused=True), rounding.bias
    tile = tile or default_tile(shape, microkernel)
    sums = case.convolve(q, weight, bias)
    start = bias - zero_point * weight.sum((1, 2, 3), dtype=np.int32) + np.int32(MAGIC_BITS * shape.fused)
    vectors = [start, multiplier] if rounding is None else [start, multiplier, rounding.addend]
    scaled = sums.astype(np.float32) * multiplier[:, None, None]
    if case.added:
        other = rng.integers(0, 256, (cout, *(2 * side for side in case.size)))
        ratio = rng.uniform(0.1, 1, cout).astype(np.float32)
        wide = repeated(scaled).astype(np.float64) + other * ratio[:, None, None].astype(np.float64)
        expected = np.rint(np.clip(wide.astype(np.float32), 0, 255)).astype(np.int64)
    elif linear:
        expected = scaled
    else:
        expected = requantize(sums, multiplier, None if rounding is None else rounding.addend)
    target = case.real(shape.target)

    def check(tensors: Sequence[Array]) -> None:
        actual = image_of(tensors[-1], target)
        inner = actual[:cout, 1:-1, 1:-1]
        np.testing.assert_array_equal(inner if linear else inner.astype(np.int64) - zero_point, expected)
        assert (border(actual) == target.zero_point).all()
        assert (actual[cout:] == target.zero_point).all()

    tensors = [memory(q + zero_point, case.real(shape.source)), pack_weight(packed, shape, microkernel, tile)]
    tensors += [pack_vector(v, shape, microkernel, tile) for v in vectors]
    if shape.added:
        tensors += [
            memory(other + zero_point, case.real(shape.added)),
            pack_vector(ratio, shape, microkernel, tile),
        ]
    function = case.at_its_size(conv(symbol, shape, microkernel, tile), shape)
    return Case(name=str(case), function=function, tensors=[*tensors, uninitialized(target)], check=check)


def float_graph_conv(
    symbol: str, microkernel: MicroKernel, case: GraphCase, tile: Tile | None = None
) -> Case:
    """A convolution of small integers in fp32 or fp16, exactly."""
    rng, (cin, cout) = case.rng, case.channels
    shape = case.shape(microkernel)
    tile = tile or default_tile(shape, microkernel)
    x, weight, bias, other = (
        rng.integers(-2, 3, size).astype(microkernel.accumulator)
        for size in (
            (cin, *case.source_size),
            (cout, cin, case.kernel, case.kernel),
            (cout,),
            (cout, *(2 * side for side in case.size)),
        )
    )
    sums = case.convolve(x, weight, bias)
    expected = np.maximum(repeated(sums) + other if case.added else sums, 0)
    target = case.real(shape.target)

    def check(tensors: Sequence[Array]) -> None:
        actual = image_of(tensors[-1], target)
        np.testing.assert_array_equal(actual[:cout, 1:-1, 1:-1], expected)
        assert not border(actual).any()
        assert not actual[cout:].any()

    tensors = [memory(x, case.real(shape.source)), pack_weight(weight, shape, microkernel, tile)]
    tensors.append(pack_vector(bias, shape, microkernel, tile))
    if shape.added:
        tensors.append(memory(other, case.real(shape.added)))
    function = case.at_its_size(conv(symbol, shape, microkernel, tile), shape)
    return Case(name=str(case), function=function, tensors=[*tensors, uninitialized(target)], check=check)


def bordered(symbol: str, microkernel: MicroKernel) -> Case:
    """An image as the first convolution reads it."""
    case = CASES[0]
    shape = case.shape(microkernel)
    layout = case.real(shape.source)
    pixels = case.rng.integers(0, 256, (*case.source_size, 3), np.uint8)
    zero_point = layout.zero_point

    def check(tensors: Sequence[Array]) -> None:
        rows, columns = layout.height + 2, layout.width + 2
        memory = tensors[-1][: rows * columns * layout.pixel].reshape(rows, columns, -1)[:, :, :3]
        if layout.dtype == BFLOAT16_STORAGE:
            memory = (memory.astype(np.uint32) << 16).view(np.float32)
        np.testing.assert_array_equal(memory[1:-1, 1:-1].astype(np.int64) - zero_point, pixels)
        assert (border(memory.transpose(2, 0, 1)) == zero_point).all()

    function = case.at_its_size(border_image(symbol, shape.source), shape)
    return Case(name="image", function=function, tensors=[pixels, uninitialized(layout)], check=check)


def planar(symbol: str) -> Case:
    """A head's map, its channels apart."""
    height, width = variable("h"), variable("w")
    source = FeatureMap(height * 2, width * 2, 11, stored=16, dtype="float32")
    values = np.random.default_rng(0).standard_normal((6, 10, 16), np.float32)

    def check(tensors: Sequence[Array]) -> None:
        np.testing.assert_array_equal(tensors[-1], values[:, :, :11].transpose(2, 0, 1))

    function = planes(symbol, source).specialize({height: 3, width: 5})
    return Case(
        name="planes",
        function=function,
        tensors=[values.reshape(-1), np.full((11, 6, 10), 77, np.float32)],
        check=check,
    )


LETTERBOXES = [
    (1920, 40, Fit(416, 32, (416, 9), (0.0, 0.0))),
    (101, 67, Fit(96, 64, (95, 63), (0.0, 0.0))),
    (20, 9, Fit(64, 32, (60, 27), (0.0, 0.0))),
    (2, 2, Fit(32, 32, (8, 8), (0.0, 0.0))),
    # More columns than are added at once, and a single one.
    (700, 30, Fit(64, 32, (60, 3), (0.0, 0.0))),
    (9, 40, Fit(32, 32, (1, 5), (0.0, 0.0))),
]
"""Frames' widths and heights, and how they are scaled."""


def letterboxed(symbol: str, lanes: int, width: int, height: int, to: Fit) -> Case:
    """A frame as a network's input."""
    frame = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    expected = letterbox(frame, to)

    def check(tensors: Sequence[Array]) -> None:
        np.testing.assert_array_equal(tensors[-1], expected)

    return Case(
        name=f"letterbox {width}x{height}",
        function=letterbox_kernel(symbol, lanes),
        tensors=[frame, *tables(width, height, to), np.full(expected.shape, 77, np.uint8)],
        check=check,
    )


TURNED: Homography = (0.9, -0.15, 30.0, 0.2, 0.8, 20.0, 4e-4, -3e-4, 0.7)
WARPS: list[tuple[tuple[int, int], Homography, tuple[int, int], int | None]] = [
    ((150, 110), TURNED, (128, 64), 114),
    ((150, 110), TURNED, (94, 24), None),
    # Beside the picture all around, tiny pictures, and a horizon that is near.
    ((40, 30), (1.0, 0.3, -20.0, -0.3, 1.0, 0.0, 0.0, 0.0, 1.0), (70, 50), 7),
    ((2, 2), (0.02, 0.0, 0.0, 0.0, 0.05, 0.0, 0.0, 0.0, 1.0), (5, 9), None),
    ((300, 9), (3.0, 0.0, -200.0, 0.0, 0.5, 0.0, 0.012, 0.0, 0.01), (33, 3), 114),
]
"""Widths and heights of pictures, how they are seen, the results' sizes and what is beside the pictures."""


def warped(
    symbol: str,
    lanes: int,
    of: tuple[int, int],
    by: Homography,
    size: tuple[int, int],
    beside: int | None,
) -> Case:
    """A picture seen through a homography."""
    picture = np.random.default_rng(of[0]).integers(0, 256, (of[1], of[0], 3), np.uint8)
    whole, scale = numbers(by, size, beside)
    expected = warp(picture, by, size, beside)

    def check(tensors: Sequence[Array]) -> None:
        np.testing.assert_array_equal(tensors[-1], expected)

    return Case(
        name=f"warp {of} {size}",
        function=warp_kernel(symbol, lanes),
        tensors=[
            picture,
            np.array(whole, np.int32),
            np.array([scale], np.float32),
            np.full(expected.shape, 77, np.uint8),
        ],
        check=check,
    )


def _warps(microkernel: MicroKernel) -> list[Maker]:
    lanes = max(microkernel.fp32.lanes, 2)
    return [partial(warped, lanes=lanes, of=o, by=b, size=s, beside=x) for o, b, s, x in WARPS]


def _letterboxes(microkernel: MicroKernel) -> list[Maker]:
    lanes = 2 * microkernel.fp32.lanes
    return [partial(letterboxed, lanes=lanes, width=w, height=h, to=to) for w, h, to in LETTERBOXES]


def int8_graph_cases(microkernel: Int8) -> list[Case]:
    """All kernels of a quantized network."""
    int8 = partial(int8_graph_conv, microkernel=microkernel)
    makers: list[Maker] = [
        *(partial(int8, case=case, tile=tile) for case in CASES for tile in TILES),
        partial(int8, case=LINEAR, linear=True),
        partial(bordered, microkernel=microkernel),
        planar,
        *_letterboxes(microkernel),
        *_warps(microkernel),
    ]
    return made(makers)


def float_graph_cases(microkernel: MicroKernel) -> list[Case]:
    """All kernels of a float network."""
    makers: list[Maker] = [
        *(partial(float_graph_conv, microkernel=microkernel, case=c, tile=t) for c in CASES for t in TILES),
        partial(bordered, microkernel=microkernel),
        planar,
    ]
    return made(makers)
