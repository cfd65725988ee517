"""Global contexts: average pools and their mean squares, and the small product that ends the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray
from tvm import tirx

from host.kernels.emit import WORTH_SHARING, Emitter, Expr, cast, const, load, splat
from host.kernels.feature_map import FeatureMap

LARGEST_WINDOW = 128
"""Quantized values whose sum surely fits 16 bits."""


@dataclass(frozen=True)
class Pooling:
    """Windows of a context over its source.

    Attributes:
        kernel: (height, width) of a window.
        stride: from one window to the next, (down, right).
    """

    source: FeatureMap
    kernel: tuple[int, int]
    stride: tuple[int, int]

    @property
    def rows(self) -> int:
        return (self.source.height - self.kernel[0]) // self.stride[0] + 1

    @property
    def columns(self) -> int:
        return (self.source.width - self.kernel[1]) // self.stride[1] + 1

    @property
    def size(self) -> int:
        """Elements of what `context` writes."""
        return (self.columns + 1) * self.source.stored


def context(symbol: str, pooling: Pooling, lanes: int) -> tirx.PrimFunc:
    """Average-pool a map, keep the mean over its rows and the sum of its squares.

    Kernel `(source, pooled)`. Pooled is float32[columns + 1, stored channels]: a row for every column of the
    pooled map, its mean over H, and a last row, the sum of the squared pooled map over (H, W).

    A quantized map's kernel is `(source, scale, pooled)`. It sums windows in integers; scale, float32[stored
    channels], takes a sum to the real mean (see `window_scale`).
    """
    e = Emitter()
    source, (kh, kw), (sh, sw) = pooling.source, pooling.kernel, pooling.stride
    rows, columns = pooling.rows, pooling.columns
    data = source.param(e, "source")
    quantized = source.dtype in ("int8", "uint8")
    scale = e.param("scale", source.stored, "float32") if quantized else None
    pooled = e.param("pooled", pooling.size, "float32")
    lanes = next(n for n in (lanes, lanes // 2, lanes // 4, 1) if n and source.stored % n == 0)
    assert not quantized or kh * kw <= LARGEST_WINDOW
    # Overlapping windows share the sums of the strips that they are made of.
    strip = sw if kw % sw == 0 else kw
    per_window = kw // strip
    strips = (columns - 1) * sw // strip + per_window

    parallel = source.height * source.width * source.stored // lanes > WORTH_SHARING
    with e.loop(source.stored // lanes, "v", parallel=parallel) as v:
        channel = v * lanes
        sums = (
            e.local("sums", strips * lanes, "int16" if quantized else "float32") if per_window > 1 else None
        )
        total = e.local("total", columns * lanes, "float32")
        square = e.local("square", lanes, "float32")
        factor = (
            const(1.0 / (kh * kw), "float32", lanes)
            if scale is None
            else e.let("scale", load(scale, channel, lanes))
        )
        e.store_vector(square, const(0, "float32", lanes), 0, lanes)
        with e.loop(columns, "x") as x:
            e.store_vector(total, const(0, "float32", lanes), x * lanes, lanes)
        with e.loop(rows, "y") as y:

            def sum_of_strip(x: Expr) -> Expr:
                values = [
                    load(data, source.at(y * sh + r, x + c, channel), lanes)
                    for r in range(kh)
                    for c in range(strip)
                ]
                if quantized:
                    return reduce(add, [cast("int16", value, lanes) for value in values])
                return reduce(add, [source.real(value, lanes) for value in values])

            if sums is not None:
                with e.loop(strips, "t") as t:
                    e.store_vector(sums, sum_of_strip(t * strip), t * lanes, lanes)
            with e.loop(columns, "x") as x:
                if sums is None:
                    window = sum_of_strip(x * sw)
                else:
                    window = reduce(add, [load(sums, (x + i) * lanes, lanes) for i in range(per_window)])
                if quantized:
                    whole = cast("int32", window, lanes) - const(source.zero_point * kh * kw, "int32", lanes)
                    window = cast("float32", whole, lanes)
                mean = e.let("mean", window * factor)
                e.store_vector(total, load(total, x * lanes, lanes) + mean, x * lanes, lanes)
                e.store_vector(square, load(square, 0, lanes) + mean * mean, 0, lanes)
        with e.loop(columns, "x") as x:
            value = load(total, x * lanes, lanes) * const(1.0 / rows, "float32", lanes)
            e.store_vector(pooled, value, x * source.stored + channel, lanes)
        e.store_vector(pooled, load(square, 0, lanes), columns * source.stored + channel, lanes)
    return e.func(symbol)


def window_scale(pooling: Pooling, activation_scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """The real mean of a window per unit of its sum: float32[stored channels].

    Args:
        activation_scale: float32[channels], the real value of q = 1.
    """
    scale = activation_scale / np.float32(pooling.kernel[0] * pooling.kernel[1])
    return np.pad(scale, (0, pooling.source.stored - len(activation_scale)))


def concatenate(
    symbol: str, poolings: Sequence[Pooling], target: FeatureMap, lanes: int, scaled: bool = False
) -> tirx.PrimFunc:
    """Divide every context by its mean square and put them side by side.

    Kernel `(pooled…, target)`: target is a 1×columns map of all contexts' stored channels; where *scaled*
    `(pooled…, factor, target)`, every channel multiplied by its factor, float32[stored].
    """
    e = Emitter()
    columns = target.width
    pooled = [e.param(f"pooled{i}", p.size, "float32") for i, p in enumerate(poolings)]
    factor = e.param("factor", target.stored, "float32") if scaled else None
    result = target.param(e, "target")
    start = 0
    for pooling, values in zip(poolings, pooled, strict=True):
        stored, count = pooling.source.stored, pooling.source.channels * pooling.rows * columns
        scale = e.local("scale", 1, "float32")
        e.store(scale, const(0, "float32"), 0)
        with e.loop(stored, "c") as c:
            e.store(scale, load(scale, 0) + load(values, columns * stored + c), 0)
        e.store(scale, const(count, "float32") / load(scale, 0), 0)
        with e.loop(columns, "x") as x, e.loop(stored // lanes, "v") as v:
            value = load(values, x * stored + v * lanes, lanes) * splat(load(scale, 0), lanes)
            if factor is not None:
                value = value * load(factor, start + v * lanes, lanes)
            e.store_vector(result, value, target.at(0, x, start + v * lanes), lanes)
        start += stored
    return e.func(symbol)


def transpose_logits(symbol: str, source: FeatureMap) -> tirx.PrimFunc:
    """Kernel `(source, logits)`: 1×steps map → float32[1, channels, steps]."""
    e = Emitter()
    data = source.param(e, "source")
    logits = e.param("logits", (1, source.channels, source.width), "float32")
    with e.loop(source.channels, "c") as c, e.loop(source.width, "x") as x:
        e.store(logits, load(data, source.at(0, x, c)), 0, c, x)
    return e.func(symbol)
