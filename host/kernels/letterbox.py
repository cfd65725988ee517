"""A frame scaled into a network's input, as `device_runtime.locate.letterbox` says, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm import tirx

from device_runtime.locate.geometry import GREY
from device_runtime.locate.letterbox import AT_ONCE, TOTAL
from host.kernels.emit import (
    Emitter,
    Expr,
    cast,
    concat,
    const,
    intrinsic,
    lanes_of,
    load,
    reinterpret,
    shuffle,
    span,
    splat,
)

CHANNELS = 3
LANES = 4
"""Of a pixel's sums; one of them is not needed."""
VECTORS = 4
"""Of a row, that are computed together."""
PIXELS = 4
"""Likewise."""
SIGN = 1 << 15
"""Taken from sums of rows, so that they are int16: products of signed 16-bit numbers are what CPUs have."""
PAIR = 2
"""Columns that one instruction adds."""
_PAIR_SUMS = {
    1: "llvm.x86.sse2.pmadd.wd",
    2: "llvm.x86.avx2.pmadd.wd",
    4: "llvm.x86.avx512.pmaddw.d.512",
}
"""By pixels in a register: x86's products of 16-bit numbers, added two by two."""
_X86 = 16
"""Numbers of 16 bits in a vector, from which on a CPU is an x86."""
_LINE = 64
"""Bytes of a cache line."""
_LATE = 3
"""Of the rows that come next, those that are fetched while columns are added.

Were all of them fetched while rows are added, memory would have nothing to do in the other half of the time.
"""
_FETCH = """
define internal i32 @lpr_fetch(ptr %place) alwaysinline {
  call void @llvm.prefetch.p0(ptr %place, i32 0, i32 2, i32 1)
  ret i32 0
}
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
"""


def letterbox(symbol: str, lanes: int) -> tirx.PrimFunc:
    """Kernel `(frame, size, row_start, row_weights, column_start, column_weights, target)`.

    Frame is uint8[h,w,3], target uint8[H,W,3]; the others are the `Tables`. All shapes are the call's.

    Args:
        lanes: numbers of 16 bits in a vector.
    """
    e = Emitter()
    # Pixels in a register.
    each = max(lanes // (2 * LANES), 1)
    height, width, rows, columns, row_taps, column_pairs = (
        tirx.Var(name, "int32") for name in ("h", "w", "rows", "columns", "row_taps", "column_pairs")
    )
    frame = e.param("frame", (height, width, CHANNELS), "uint8")
    size = e.param("size", 2, "int32")
    row_start = e.param("row_start", (rows,), "int32")
    row_weights = e.param("row_weights", (rows, row_taps), "uint8")
    column_start = e.param("column_start", (columns,), "int32")
    column_weights = e.param("column_weights", (column_pairs, columns, PAIR), "int16")
    target = e.param("target", (rows, columns, CHANNELS), "uint8")
    filled_rows, filled_columns = e.let("filled", load(size, 0)), e.let("filled", load(size, 1))
    with e.loop(filled_rows, "y", parallel=True) as y:
        # More for columns that are not there, whose weights are 0, and for the lanes that are not needed.
        sums = e.scratch("sums", width * CHANNELS + AT_ONCE * CHANNELS + LANES, "int16")
        first = e.let("first", tirx.BufferLoad(row_start, [y]))
        rows_of = _Rows(e=e, frame=frame, first=first, weights=row_weights, y=y, taps=row_taps, sums=sums)
        rows_of.emit(width * CHANNELS, lanes)
        last = e.let("last", filled_columns - 1)
        # Of what a group stores the next pixels overwrite the end, so that more than one has to follow.
        groups = e.let("groups", tirx.truncdiv(last - 1, PIXELS))
        columns_of = _Columns(
            e=e, sums=sums, start=column_start, weights=column_weights, pairs=column_pairs, x86=lanes >= _X86
        )
        for few, count in _either(groups, tirx.EQ(column_pairs, AT_ONCE // PAIR)):
            with e.loop(count, "x") as x:
                if VECTORS * lanes >= _LINE:
                    rows_of.fetch_late(load(column_start, x * PIXELS) * CHANNELS)
                for i, pixels in enumerate(columns_of.pixels(x * PIXELS, PIXELS // each, each, few)):
                    e.store_at(target, pixels, [y, x * PIXELS + i * each, span(0, LANES * each)])
        if VECTORS * lanes >= _LINE:
            rows_of.fetch_late(load(column_start, last) * CHANNELS)
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
        for few, times in _either(groups, tirx.EQ(self.taps, AT_ONCE)):
            with self.e.loop(times, "i") as i:
                start = self.e.let("start", tirx.min(i * group, count - group))
                self._group(start, lanes, VECTORS, few)
        with self.e.loop(tirx.Select(wide, 0, count), "i") as i:
            self._group(i, 1, 1)

    def fetch_late(self, start: Expr) -> None:
        """The last rows of those that come next, one line of each."""
        start = self.e.let("start", start)
        for row in range(_LATE):
            self._fetch(self.first + 2 * self.taps - _LATE + row, start)

    def _fetch(self, row: Expr, start: Expr) -> None:
        # What is fetched behind the frame's end does no harm.
        self.e.include(_FETCH)
        self.e.call("lpr_fetch", tirx.address_of(tirx.BufferLoad(self.frame, [row, 0, start])))

    def _group(self, start: Expr, lanes: int, vectors: int, few: bool = False) -> None:
        """*few*: there are `AT_ONCE` rows."""
        e = self.e
        totals = [e.local("total", lanes, "uint16") for _ in range(vectors)]
        for total in totals:
            e.store_vector(total, const(SIGN, "uint16", lanes), 0, lanes)
        lines = range(0, vectors * lanes // _LINE)

        def add(row: Expr, fetch: bool) -> None:
            weight = e.let("w", splat(cast("uint16", tirx.BufferLoad(self.weights, [self.y, row])), lanes))
            for line in lines if fetch else ():
                self._fetch(self.first + self.taps + row, start + line * _LINE)
            for v, total in enumerate(totals):
                place = [self.first + row, 0, span(start + v * lanes, lanes)]
                pixels = cast("uint16", tirx.BufferLoad(self.frame, place), lanes)
                e.store_vector(total, load(total, 0, lanes) + pixels * weight, 0, lanes)

        if few:
            for row in range(AT_ONCE):
                add(row, fetch=row < AT_ONCE - _LATE)
        else:
            early = e.let("early", tirx.max(self.taps - _LATE, 0)) if lines else self.taps
            with e.loop(early, "t") as t:
                add(t, fetch=True)
            if lines:
                with e.loop(self.taps - early, "t", start=early) as t:
                    add(t, fetch=False)
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
    pairs: Expr
    x86: bool

    def pixels(self, x: Expr, vectors: int, each: int, few: bool = False) -> list[Expr]:
        """*vectors* times *each* neighbours from *x* on, and as many bytes that are not needed.

        Args:
            few: whether they are made of `AT_ONCE` columns.
        """
        e, lanes, count = self.e, LANES * each, vectors * each
        # int64, or LLVM adds them up in vectors.
        first = [e.let("first", cast("int64", load(self.start, x + i) * CHANNELS)) for i in range(count)]
        totals = [e.local("total", lanes, "int32") for _ in range(vectors)]
        for total in totals:
            # What was taken from the sums comes back, and a half.
            e.store_vector(total, const(SIGN * TOTAL + TOTAL**2 // 2, "int32", lanes), 0, lanes)
        once = AT_ONCE // PAIR
        with e.loop(1 if few else tirx.truncdiv(self.pairs, once), "p") as p:
            for i in range(once):
                column = cast("int64", p) * (AT_ONCE * CHANNELS) + i * PAIR * CHANNELS
                weights = e.let("w", tirx.BufferLoad(self.weights, [p * once + i, x, span(0, PAIR * count)]))
                for v, total in enumerate(totals):
                    mine = range(v * each, (v + 1) * each)
                    places = [first[i] + column for i in mine]
                    add = self._x86 if self.x86 else self._plain
                    e.store_vector(total, load(total, 0, lanes) + add(places, weights, mine), 0, lanes)
        kept = [LANES * i + channel for i in range(each) for channel in range(CHANNELS)]
        kept += [LANES * i + CHANNELS for i in range(each)]
        pixels = []
        for total in totals:
            rounded = load(total, 0, lanes) >> const(16, "int32", lanes)
            pixels.append(shuffle([e.let("pixels", cast("uint8", rounded, lanes))], kept))
        return pixels

    def _x86(self, places: Sequence[Expr], weights: Expr, chosen: range) -> Expr:
        """Both columns of a channel beside each other, times both weights, added."""
        lanes = LANES * len(chosen)
        values = concat([load(self.sums, place, PAIR * LANES) for place in places], PAIR * LANES)
        beside = [0, 3, 1, 4, 2, 5, 6, 7]
        values = shuffle([values], [PAIR * LANES * i + place for i in range(len(chosen)) for place in beside])
        both = reinterpret("int32", weights, lanes_of(weights) // PAIR)
        spread = reinterpret("int16", _repeated(both, chosen), PAIR * lanes)
        return intrinsic(f"int32x{lanes}", _PAIR_SUMS[len(chosen)], values, spread)

    def _plain(self, places: Sequence[Expr], weights: Expr, chosen: range) -> Expr:
        """One column after the other."""
        lanes = LANES * len(chosen)
        products = []
        for column in range(PAIR):
            values = concat([load(self.sums, place + column * CHANNELS, LANES) for place in places], LANES)
            mine = _repeated(weights, [PAIR * i + column for i in chosen])
            products.append(cast("int32", values, lanes) * cast("int32", mine, lanes))
        return products[0] + products[1]


def _repeated(values: Expr, chosen: Sequence[int]) -> Expr:
    """The *chosen* ones of a vector's, or the only one, `LANES` times each."""
    if lanes_of(values) == 1:
        return splat(values, LANES)
    repeated = [i for i in chosen for _ in range(LANES)]
    return shuffle([values] * -(-len(repeated) // lanes_of(values)), repeated)


def _either(count: Expr, few: Expr) -> tuple[tuple[bool, Expr], ...]:
    """How often a loop runs that knows how many numbers it adds, and how often one that does not: one does.

    In the usual frames there are few numbers, and loops over them take longer than their sums.
    """
    return (True, tirx.Select(few, count, 0)), (False, tirx.Select(few, 0, count))


def _grey(e: Emitter, target: Expr, y: Expr, first: Expr, count: Expr) -> None:
    with e.loop(count, "x", start=first) as x:
        for channel in range(CHANNELS):
            e.store_at(target, const(GREY, "uint8"), [y, x, channel])
