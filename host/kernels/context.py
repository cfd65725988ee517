"""Global contexts: average pools and their mean squares, and the small product that ends the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray
from tvm import tirx

from host.kernels.emit import Emitter, Expr, const, load, splat
from host.kernels.feature_map import FeatureMap


@dataclass(frozen=True)
class Pooling:
    """Windows of a context over its source."""

    source: FeatureMap
    kernel: tuple[int, int]
    stride: tuple[int, int]

    @property
    def rows(self) -> int:
        return (self.source.height - self.kernel[0]) // self.stride[0] + 1

    @property
    def columns(self) -> int:
        return (self.source.width - self.kernel[1]) // self.stride[1] + 1


def context(symbol: str, pooling: Pooling, lanes: int) -> tirx.PrimFunc:
    """Average-pool a map, keep the mean over its rows and the sum of its squares.

    Kernel `(source, means, squares)`: means float32[columns, stored channels], mean over H of the pooled map;
    squares float32[stored channels], sum over (H, W) of the squared pooled map, per channel.
    A quantized map's kernel is `(source, scale, means, squares)`: windows are summed in integers, and scale,
    float32[stored channels], takes a sum to the real mean (see `window_scale`).
    """
    e = Emitter()
    source, (kh, kw), (sh, sw) = pooling.source, pooling.kernel, pooling.stride
    rows, columns = pooling.rows, pooling.columns
    data = source.param(e, "source")
    quantized = source.dtype in ("int8", "uint8")
    scale = e.param("scale", source.stored, "float32") if quantized else None
    means = e.param("means", columns * source.stored, "float32")
    squares = e.param("squares", source.stored, "float32")
    lanes = next(n for n in (lanes, lanes // 2, lanes // 4, 1) if n and source.stored % n == 0)
    real = "float32" if lanes == 1 else f"float32x{lanes}"
    # Overlapping windows share the sums of the strips that they are made of.
    strip = sw if kw % sw == 0 else kw
    per_window = kw // strip
    strips = (columns - 1) * sw // strip + per_window

    with e.loop(source.stored // lanes, "v", parallel=True) as v:
        channel = v * lanes
        line = e.local("line", strips * lanes, "float32")
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
            with e.loop(strips, "t") as t:
                values = [
                    load(data, source.at(y * sh + r, t * strip + c, channel), lanes)
                    for r in range(kh)
                    for c in range(strip)
                ]
                if quantized:
                    total_of_strip = _sum_quantized(values, source, lanes)
                else:
                    total_of_strip = reduce(add, [tirx.Cast(real, value) for value in values])
                e.store_vector(line, total_of_strip, t * lanes, lanes)
            with e.loop(columns, "x") as x:
                first = x * (sw // strip) if sw >= strip else x
                window = [load(line, (first + i) * lanes, lanes) for i in range(per_window)]
                mean = e.let("mean", reduce(add, window) * factor)
                e.store_vector(total, load(total, x * lanes, lanes) + mean, x * lanes, lanes)
                e.store_vector(square, load(square, 0, lanes) + mean * mean, 0, lanes)
        with e.loop(columns, "x") as x:
            value = load(total, x * lanes, lanes) * const(1.0 / rows, "float32", lanes)
            e.store_vector(means, value, x * source.stored + channel, lanes)
        e.store_vector(squares, load(square, 0, lanes), channel, lanes)
    return e.func(symbol)


def _sum_quantized(values: Sequence[Expr], source: FeatureMap, lanes: int) -> Expr:
    """Exact: at most 128 values fit 16 bits, and float32 holds their sum."""
    assert len(values) <= 128
    x = "" if lanes == 1 else f"x{lanes}"
    total = reduce(add, [tirx.Cast(f"int16{x}", value) for value in values])
    whole = tirx.Cast(f"int32{x}", total) - const(source.zero * len(values), "int32", lanes)
    return tirx.Cast(f"float32{x}", whole)


def window_scale(pooling: Pooling, step: NDArray[np.float32]) -> NDArray[np.float32]:
    """Real mean of a window per unit of its sum; *step* is the real value of q = 1, float32[channels]."""
    scale = step / np.float32(pooling.kernel[0] * pooling.kernel[1])
    return np.pad(scale, (0, pooling.source.stored - len(step)))


def concatenate(
    symbol: str, poolings: Sequence[Pooling], target: FeatureMap, lanes: int, scaled: bool = False
) -> tirx.PrimFunc:
    """Divide every context by its mean square and put them side by side.

    Kernel `(means…, squares…, target)`: target is a 1×columns map of all contexts' stored channels; where
    *scaled* `(means…, squares…, factor, target)`, every channel multiplied by its factor, float32[stored].
    """
    e = Emitter()
    columns = target.width
    means = [e.param(f"means{i}", columns * p.source.stored, "float32") for i, p in enumerate(poolings)]
    squares = [e.param(f"squares{i}", p.source.stored, "float32") for i, p in enumerate(poolings)]
    factor = e.param("factor", target.stored, "float32") if scaled else None
    result = target.param(e, "target")
    start = 0
    for pooling, mean, square in zip(poolings, means, squares, strict=True):
        stored, count = pooling.source.stored, pooling.source.channels * pooling.rows * columns
        scale = e.local("scale", 1, "float32")
        e.store(scale, const(0, "float32"), 0)
        with e.loop(stored, "c") as c:
            e.store(scale, load(scale, 0) + load(square, c), 0)
        e.store(scale, const(count, "float32") / load(scale, 0), 0)
        with e.loop(columns, "x") as x, e.loop(stored // lanes, "v") as v:
            value = load(mean, x * stored + v * lanes, lanes) * splat(load(scale, 0), lanes)
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
