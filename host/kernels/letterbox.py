"""A frame scaled into a network's input, as `device_runtime.locate.letterbox` says, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm import tirx

from device_runtime.locate.geometry import GREY
from device_runtime.locate.letterbox import TOTAL
from host.kernels.emit import Emitter, Expr, cast, concat, const, lanes_of, load, shuffle, span, splat

CHANNELS = 3
LANES = 4
"""Of a pixel's sums; one of them is not needed."""
VECTORS = 4
"""Of a row, that are computed together."""
PIXELS = 4
"""Likewise."""
SIGN = 1 << 15
"""Taken from sums of rows, so that they are int16: products of signed 16-bit numbers are what CPUs have."""


def letterbox(symbol: str, lanes: int) -> tirx.PrimFunc:
    """Kernel `(frame, size, row_start, row_weights, column_start, column_weights, target)`.

    Frame is uint8[h,w,3], target uint8[H,W,3]; the others are the `Tables`. All shapes are the call's.

    Args:
        lanes: numbers of 16 bits in a vector.
    """
    e = Emitter()
    # Pixels in a register.
    each = max(lanes // (2 * LANES), 1)
    height, width, rows, columns, row_taps, column_taps = (
        tirx.Var(name, "int32") for name in ("h", "w", "rows", "columns", "row_taps", "column_taps")
    )
    frame = e.param("frame", (height, width, CHANNELS), "uint8")
    size = e.param("size", 2, "int32")
    row_start = e.param("row_start", (rows,), "int32")
    row_weights = e.param("row_weights", (rows, row_taps), "uint8")
    column_start = e.param("column_start", (columns,), "int32")
    column_weights = e.param("column_weights", (column_taps, columns), "int16")
    target = e.param("target", (rows, columns, CHANNELS), "uint8")
    filled_rows, filled_columns = e.let("filled", load(size, 0)), e.let("filled", load(size, 1))
    with e.loop(filled_rows, "y", parallel=True) as y:
        # One more for the lane that is not needed.
        sums = e.scratch("sums", width * CHANNELS + 1, "int16")
        _Rows(
            e=e,
            frame=frame,
            first=e.let("first", tirx.BufferLoad(row_start, [y])),
            weights=row_weights,
            y=y,
            taps=row_taps,
            sums=sums,
        ).emit(width * CHANNELS, lanes)
        last = e.let("last", filled_columns - 1)
        groups = e.let("groups", tirx.truncdiv(last, PIXELS))
        columns_of = _Columns(e=e, sums=sums, start=column_start, weights=column_weights, taps=column_taps)
        with e.loop(groups, "x") as x:
            for i, pixel in enumerate(columns_of.pixels(x * PIXELS, PIXELS // each, each)):
                # The fourth byte is the next pixel's first, which is written after it.
                e.store_at(target, pixel, [y, x * PIXELS + i, span(0, LANES)])
        with e.loop(last - groups * PIXELS, "x", start=groups * PIXELS) as x:
            e.store_at(target, columns_of.pixels(x, 1, 1)[0], [y, x, span(0, LANES)])
        pixel = e.let("pixel", columns_of.pixels(last, 1, 1)[0])
        for channel in range(CHANNELS):
            e.store_at(target, shuffle([pixel], [channel]), [y, last, channel])
        _grey(e, target, y, filled_columns, columns - filled_columns)
    with e.loop(rows - filled_rows, "y", start=filled_rows) as y:
        _grey(e, target, y, 0, columns)
    return e.func(symbol)


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The weighted sum of rows that output row *y* is made of."""

    e: Emitter
    frame: Expr
    first: Expr
    weights: Expr
    y: Expr
    taps: Expr
    sums: Expr

    def emit(self, count: Expr, lanes: int) -> None:
        """*count* sums, in groups of vectors, the last over the end of that before; or one by one."""
        group = VECTORS * lanes
        wide = self.e.let("wide", count >= group)
        groups = tirx.Select(wide, tirx.truncdiv(count + (group - 1), group), 0)
        with self.e.loop(groups, "i") as i:
            start = self.e.let("start", tirx.min(i * group, count - group))
            self._group(start, lanes, VECTORS)
        with self.e.loop(tirx.Select(wide, 0, count), "i") as i:
            self._group(i, 1, 1)

    def _group(self, start: Expr, lanes: int, vectors: int) -> None:
        e = self.e
        totals = [e.local("total", lanes, "uint16") for _ in range(vectors)]
        for total in totals:
            e.store_vector(total, const(SIGN, "uint16", lanes), 0, lanes)
        with e.loop(self.taps, "t") as t:
            weight = e.let("w", splat(cast("uint16", tirx.BufferLoad(self.weights, [self.y, t])), lanes))
            for v, total in enumerate(totals):
                place = [self.first + t, 0, span(start + v * lanes, lanes)]
                pixels = cast("uint16", tirx.BufferLoad(self.frame, place), lanes)
                e.store_vector(total, load(total, 0, lanes) + pixels * weight, 0, lanes)
        for v, total in enumerate(totals):
            value = tirx.reinterpret("int16" if lanes == 1 else f"int16x{lanes}", load(total, 0, lanes))
            e.store_vector(self.sums, value, start + v * lanes, lanes)


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """The weighted sums of columns that pixels of an output row are made of."""

    e: Emitter
    sums: Expr
    start: Expr
    weights: Expr
    taps: Expr

    def pixels(self, x: Expr, vectors: int, each: int) -> list[Expr]:
        """*vectors* times *each* neighbours from *x* on, every one with a byte that is not needed."""
        e, lanes, count = self.e, LANES * each, vectors * each
        # int64, or LLVM adds them up in vectors.
        first = [e.let("first", cast("int64", load(self.start, x + i) * CHANNELS)) for i in range(count)]
        totals = [e.local("total", lanes, "int32") for _ in range(vectors)]
        for total in totals:
            # What was taken from the sums comes back, and a half.
            e.store_vector(total, const(SIGN * TOTAL + TOTAL**2 // 2, "int32", lanes), 0, lanes)
        with e.loop(self.taps, "t") as t:
            column = cast("int64", t) * CHANNELS
            weights = e.let("w", tirx.BufferLoad(self.weights, [t, span(x, count)]))
            for v, total in enumerate(totals):
                mine = range(v * each, (v + 1) * each)
                values = concat([load(self.sums, first[i] + column, LANES) for i in mine], LANES)
                products = cast("int32", values, lanes) * cast("int32", _spread(weights, mine), lanes)
                e.store_vector(total, load(total, 0, lanes) + products, 0, lanes)
        pixels = []
        for total in totals:
            rounded = load(total, 0, lanes) >> const(16, "int32", lanes)
            narrow = e.let("pixels", cast("uint8", rounded, lanes))
            pixels += [shuffle([narrow], range(LANES * i, LANES * (i + 1))) for i in range(each)]
        return pixels


def _spread(weights: Expr, chosen: Sequence[int]) -> Expr:
    """The *chosen* ones of a vector's, `LANES` times each."""
    if lanes_of(weights) == 1:
        return splat(weights, LANES)
    repeated = [i for i in chosen for _ in range(LANES)]
    return shuffle([weights] * -(-len(repeated) // lanes_of(weights)), repeated)


def _grey(e: Emitter, target: Expr, y: Expr, first: Expr, count: Expr) -> None:
    with e.loop(count, "x", start=first) as x:
        for channel in range(CHANNELS):
            e.store_at(target, const(GREY, "uint8"), [y, x, channel])
