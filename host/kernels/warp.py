"""A picture seen through a homography, as `device_runtime.locate.warp` says, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm import tirx

from device_runtime.locate.warp import COUNT, STEPS
from host.kernels.emit import Emitter, Expr, cast, concat, const, load, shuffle, span, splat

CHANNELS = 3
LANES = 4
"""Of a pixel; one of them is not needed."""
PIXELS = 4
"""That are computed together."""
PAIR = 8
"""Bytes that are read for two neighbours, of which two are not needed."""


def warp(symbol: str, lanes: int) -> tirx.PrimFunc:
    """Kernel `(picture, whole, scale, target)`.

    Picture is uint8[h,w,3], target uint8[H,W,3]; whole int32[`COUNT`] and scale float32[1] are the `Numbers`.
    All shapes are the call's.

    Args:
        lanes: numbers of 32 bits in a vector, at least two.
    """
    e = Emitter()
    height, width, rows, columns = (tirx.Var(name, "int32") for name in ("h", "w", "rows", "columns"))
    picture = e.param("picture", (height, width, CHANNELS), "uint8")
    whole = e.param("whole", COUNT, "int32")
    scale = e.let("scale", load(e.param("scale", 1, "float32"), 0))
    target = e.param("target", (rows, columns, CHANNELS), "uint8")
    n = [e.let("n", load(whole, i)) for i in range(COUNT)]
    # Beside the picture its edge goes on, so that all is seen.
    goes_on, beside = e.let("goes_on", tirx.Select(n[COUNT - 1] < 0, 1, 0)), n[COUNT - 1]
    vectors = e.let("vectors", tirx.truncdiv(columns + (lanes - 1), lanes))
    # Of each pixel of a row: its place, the shares of its right and lower neighbours, whether it is seen.
    at, across, down, seen = (e.scratch(name, columns + lanes, "int32") for name in ("at", "x", "y", "seen"))
    # What a sum grows by from the first of a vector's pixels on.
    slopes = [e.local("slope", lanes, "int32") for _ in range(3)]
    for i, slope in enumerate(slopes):
        e.store_vector(slope, splat(n[3 * i], lanes) * span(0, lanes), 0, lanes)
    with e.loop(rows, "v") as v:
        starts = [e.let("start", n[3 * i + 1] * v + n[3 * i + 2]) for i in range(3)]
        with e.loop(vectors, "i") as i:
            x, y, divisor = (
                splat(e.let("first", starts[k] + n[3 * k] * (i * lanes)), lanes) + load(slopes[k], 0, lanes)
                for k in range(3)
            )
            below = e.let("divisor", cast("float32", tirx.max(divisor, const(1, "int32", lanes)), lanes))
            along_x, along_y = (
                _axis(e, x, below, scale, width, lanes),
                _axis(e, y, below, scale, height, lanes),
            )
            place = along_y.first * splat(width, lanes) + along_x.first
            e.store_vector(at, place * const(CHANNELS, "int32", lanes), i * lanes, lanes)
            e.store_vector(across, along_x.share, i * lanes, lanes)
            e.store_vector(down, along_y.share, i * lanes, lanes)
            e.store_vector(
                seen, tirx.max(along_x.seen * along_y.seen, splat(goes_on, lanes)), i * lanes, lanes
            )
        look = _Look(
            e=e,
            picture=picture,
            pitch=width * CHANNELS,
            at=at,
            across=across,
            down=down,
            seen=seen,
            beside=beside,
        )
        last = e.let("last", columns - 1)
        # Of what a group stores the next pixels overwrite the end, so that more than one has to follow.
        groups = e.let("groups", tirx.truncdiv(last - 1, PIXELS))
        with e.loop(groups, "x") as g:
            e.store_at(target, look.pixels_from(g * PIXELS, PIXELS), [v, g * PIXELS, span(0, LANES * PIXELS)])
        with e.loop(last - groups * PIXELS, "x", start=groups * PIXELS) as x1:
            e.store_at(target, look.pixels_from(x1, 1), [v, x1, span(0, LANES)])
        pixel = e.let("pixel", look.pixels_from(last, 1))
        for channel in range(CHANNELS):
            e.store_at(target, shuffle([pixel], [channel]), [v, last, channel])
    return e.func(symbol)


@dataclass(frozen=True)
class _Axis:
    """Of some pixels along one axis, int32: the first neighbour, the second's share, whether seen."""

    first: Expr
    share: Expr
    seen: Expr


def _axis(e: Emitter, sums: Expr, divisor: Expr, scale: Expr, length: Expr, lanes: int) -> _Axis:
    last = (length - 1) * STEPS
    exact = cast("float32", sums, lanes) / divisor * splat(scale, lanes)
    low, high = const(-STEPS, "float32", lanes), splat(cast("float32", last + STEPS), lanes)
    clipped = tirx.min(tirx.max(exact, low), high) + const(STEPS + 0.5, "float32", lanes)
    steps = e.let("steps", cast("int32", clipped, lanes) - const(STEPS, "int32", lanes))
    zero = const(0, "int32", lanes)
    inside = e.let("inside", tirx.min(tirx.max(steps, zero), splat(last, lanes)))
    first = e.let("first", tirx.min(inside >> const(5, "int32", lanes), splat(length - 2, lanes)))
    half = STEPS // 2
    # 1 from -half on, and up to half behind the last one.
    from_start = tirx.min(tirx.max(steps + const(half + 1, "int32", lanes), zero), const(1, "int32", lanes))
    to_end = tirx.min(tirx.max(splat(last + half + 1, lanes) - steps, zero), const(1, "int32", lanes))
    return _Axis(first, inside - first * const(STEPS, "int32", lanes), from_start * to_end)


@dataclass(frozen=True, kw_only=True)
class _Look:
    """The pixels of a row, of whose places all is known."""

    e: Emitter
    picture: Expr
    pitch: Expr
    at: Expr
    across: Expr
    down: Expr
    seen: Expr
    beside: Expr

    def pixels_from(self, x: Expr, count: int) -> Expr:
        """*count* neighbours from *x* on, and as many bytes that are not needed."""
        e, lanes = self.e, LANES * count
        places = [e.let("at", load(self.at, x + i)) for i in range(count)]
        # The lower row may be the picture's last, so that it is read from two bytes before.
        upper = self._pairs(places, 0, (0, CHANNELS))
        lower = self._pairs([place + self.pitch for place in places], -2, (2, 2 + CHANNELS))
        share = cast("int16", self._spread(self.across, x, count), lanes)
        rest = const(STEPS, "int16", lanes) - share
        rows = [e.let("row", left * rest + right * share) for left, right in (upper, lower)]
        below = self._spread(self.down, x, count)
        value = cast("int32", rows[0], lanes) * (const(STEPS, "int32", lanes) - below)
        value = value + cast("int32", rows[1], lanes) * below + const(STEPS**2 // 2, "int32", lanes)
        beside = splat(self.beside, lanes)
        value = ((value >> const(10, "int32", lanes)) - beside) * self._spread(self.seen, x, count) + beside
        kept = [LANES * i + channel for i in range(count) for channel in range(CHANNELS)]
        kept += [LANES * i + CHANNELS for i in range(count)]
        return shuffle([e.let("pixels", cast("uint8", value, lanes))], kept)

    def _pairs(self, places: Sequence[Expr], start: int, first: tuple[int, int]) -> list[Expr]:
        """int16 of the left pixels and of the right ones, which begin at these two of `PAIR` bytes."""
        read = [tirx.BufferLoad(self.picture, [0, 0, span(place + start, PAIR)]) for place in places]
        values = self.e.let("pairs", concat(read, PAIR))
        lanes = LANES * len(places)
        return [
            cast(
                "int16",
                shuffle(
                    [values],
                    [
                        PAIR * i + min(begin + lane, PAIR - 1)
                        for i in range(len(places))
                        for lane in range(LANES)
                    ],
                ),
                lanes,
            )
            for begin in first
        ]

    def _spread(self, values: Expr, x: Expr, count: int) -> Expr:
        """*count* numbers, each `LANES` times."""
        loaded = load(values, x, count)
        if count == 1:
            return splat(loaded, LANES)
        vector = self.e.let("values", loaded)
        return shuffle([vector] * LANES, [i for i in range(count) for _ in range(LANES)])
