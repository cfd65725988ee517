"""Winograd convolution: kernels of three taps in a line with fewer than three products an output.

F(m, 3) makes m outputs of a line from m + 2 products instead of 3·m:

    m + 2 inputs  ── evaluate ──▶ at m + 2 points ─┐
                                                   ├─ multiply ──▶ m + 2 products ── interpolate ──▶ m outputs
    3 taps  ── transform_weight ▶ at m + 2 points ─┘

Inputs and taps are taken for polynomials (Lavin & Gray, arXiv:1509.09308; for any points Toom and Cook, as in
Barabasz et al., arXiv:1803.10986). Products are made for every pair of channels, but inputs are evaluated
once per channel in, and outputs interpolated once per channel out.

The points are 0, ±p for every p of `PAIRS`, and ∞. With f(x) = x·Π(x² − p²),

    the inputs at a point a are weighed by the coefficients of f(x) / (x − a), at ∞ by those of f;
    the taps at a point a by (1, a, a²) / f'(a), at ∞ by (0, 0, 1);
    output i is Σ aⁱ · product(a), and the last one has product(∞) added.

The points p and −p share the even and the odd part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray
from tvm import tirx

from host.kernels import arm_assembly as neon
from host.kernels.emit import Emitter, Expr, address, const, load
from host.kernels.microkernel import MicroKernel
from host.kernels.shape import ConvShape, Tile

TAPS = 3
FLOAT = 4
"""Bytes."""
PAIRS = {4: (0.75, 1.5), 6: (0.5, 1.0, 2.0)}
"""The points' magnitudes p by m, all their powers exact in float32.

Sums over 64 channels then err by 5·10⁻⁷ of the outputs' standard deviation with F(4, 3) and by 10⁻⁶ with
F(6, 3); summed directly, by 3·10⁻⁷.
"""


def applicable(shape: ConvShape, microkernel: MicroKernel) -> bool:
    """Whether a convolution can be computed this way: fp32, three taps in a line.

    In fp16 the differences that it takes would lose what they have of digits.
    """
    line = shape.kernel in ((TAPS, 1), (1, TAPS)) and shape.stride == 1 and shape.added is None
    dtypes = {microkernel.activation, microkernel.weight, microkernel.accumulator}
    fixed = not shape.variables and shape.pad == shape.source.pad
    return line and fixed and not shape.source.planar and dtypes == {"float32"}


def pays(shape: ConvShape, microkernel: MicroKernel) -> bool:
    """Whether F(4, 3) is faster than direct convolution.

    It saves 6 products of 12 for every pair of channels, and costs about 24 operations for every channel in
    or out: measured and counted, the two are even at 8 channels in and out on every microkernel.
    """
    if not applicable(shape, microkernel):
        return False
    length = shape.target.height if shape.kernel[0] == TAPS else shape.target.width
    cin, cout = shape.source.channels, shape.target.channels
    return length >= 4 and 6 * cin * cout > 24 * (cin + cout)


def assembly_path(shape: ConvShape, microkernel: MicroKernel, tile: Tile) -> neon.Path:
    """How a register tile in assembly reads the inputs at one point: [position][point][stored channel]."""
    loads, rest = divmod(shape.reduction(microkernel), microkernel.channels_per_load)
    points = tile.scheme + TAPS - 1
    return neon.Path(
        pixel=points * shape.source.stored * FLOAT,
        row=0,
        run=0,
        rows=1,
        runs=1,
        loads=loads,
        rest=rest,
        unroll=tile.unroll if loads % tile.unroll == 0 else 1,
    )


def transform_weight(weight: NDArray[np.generic], m: int) -> NDArray[np.float32]:
    """Taps at the points of F(*m*, 3): [out, in, 3, 1] or [out, in, 1, 3] → float32[out, in, m + 2, 1]."""
    points = [0.0, *(a for p in PAIRS[m] for a in (p, -p))]
    slope = polynomial.polyder(polynomial.polyfromroots(points))
    finite = [np.array([1, a, a * a]) / polynomial.polyval(a, slope) for a in points]
    taps = weight.reshape(*weight.shape[:2], TAPS).astype(np.float64)
    values = np.einsum("pt,oit->oip", np.array([*finite, [0, 0, 1]]), taps)
    return values.astype(np.float32)[..., None]


def evaluate(e: Emitter, inputs: Sequence[Expr], pairs: Sequence[float], lanes: int) -> list[Expr]:
    """The inputs of a line at all points; those missing at its end count as zero."""

    def combine(coefficients: NDArray[np.float64], shift: int) -> Expr:
        terms = [
            _scaled(inputs[i], c, lanes)
            for i, c in reversed(list(enumerate(coefficients, shift)))
            if c and i < len(inputs)
        ]
        return reduce(add, terms) if terms else const(0, "float32", lanes)

    whole = _product_of_squares(pairs)
    values = [combine(whole, 0)]
    for p in pairs:
        others = _product_of_squares([q for q in pairs if q != p])
        even, odd = e.let("even", combine(others, 2)), _scaled(e.let("odd", combine(others, 1)), p, lanes)
        values += [even + odd, even - odd]
    return [*values, combine(whole, 1)]


def interpolate(
    e: Emitter, products: Sequence[Expr], bias: Expr, pairs: Sequence[float], count: int, lanes: int
) -> list[Expr]:
    """The first *count* outputs of a line, from the products at all points."""
    parts = [
        (e.let("even", products[i] + products[i + 1]), e.let("odd", products[i] - products[i + 1]))
        for i in range(1, 2 * len(pairs), 2)
    ]
    outputs = []
    for i in range(count):
        terms = [_scaled(part[i % 2], p**i, lanes) for p, part in zip(pairs, parts, strict=True)]
        ends = {0: products[0], 2 * len(pairs) - 1: products[-1]}
        outputs.append(reduce(add, terms, bias + ends[i] if i in ends else bias))
    return outputs


def _product_of_squares(pairs: Sequence[float]) -> NDArray[np.float64]:
    """Coefficients of Π(x² − p²), the constant first."""
    return reduce(polynomial.polymul, [np.array([-p * p, 0, 1]) for p in pairs], np.array([1.0]))


def _scaled(value: Expr, factor: float, lanes: int) -> Expr:
    return value if factor == 1 else value * const(factor, "float32", lanes)


def emit_winograd(
    e: Emitter,
    shape: ConvShape,
    microkernel: MicroKernel,
    tile: Tile,
    *,
    data: Expr,
    weight: Expr,
    bias: Expr,
    result: Expr,
) -> None:
    """Emit the convolution of *data* with `transform_weight`'s *weight*, packed, into *result*."""
    kernel = _WinogradKernel(
        e=e,
        shape=shape,
        microkernel=microkernel,
        tile=tile,
        data=data,
        weight=weight,
        bias=bias,
        result=result,
    )
    target, m = shape.target, tile.scheme
    if kernel.vertical:
        full, rest = divmod(target.height, m)
        if full:
            kernel.rows(full, 0, [m] * target.width)
        if rest:
            kernel.rows(1, full, [rest] * target.width)
    else:
        full, rest = divmod(target.width, m)
        kernel.rows(target.height, 0, [m] * full + [rest] * bool(rest))


@dataclass(frozen=True, kw_only=True)
class _Strip:
    """Neighbouring positions in a row of them, computed together.

    Their numbers stand in a buffer on the stack:

        [position][point][stored channel]              the inputs at the points
        [position][point][vector][lane]                from `products` on, those times a tile of weights
        [vector][lane]                                 from `zeros` on, zeros

    Attributes:
        y: row of positions.
        first: the leftmost position's index in the row.
        outputs: how many outputs each position makes: m, or fewer at the end of a line. All make as many,
            or the last alone makes fewer.
        scratch: the buffer.
    """

    y: Expr
    first: Expr
    outputs: Sequence[int]
    scratch: Expr
    products: int
    zeros: int


@dataclass(frozen=True)
class _Part:
    """Equal cuts of a strip or row, one after the other.

    Attributes:
        count: how many.
        first: the first position of the first.
        outputs: how many outputs each position of a cut makes.
    """

    count: int
    first: int
    outputs: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class _WinogradKernel:
    """Emits the loops of a kernel.

    A position makes the m outputs of one application of F(m, 3): one below the other for 3×1 taps, side by
    side for 1×3.
    """

    e: Emitter
    shape: ConvShape
    microkernel: MicroKernel
    tile: Tile
    data: Expr
    weight: Expr
    bias: Expr
    result: Expr

    @property
    def vertical(self) -> bool:
        return self.shape.kernel[0] == TAPS

    @property
    def points(self) -> int:
        return self.tile.scheme + TAPS - 1

    def rows(self, count: int, first: int, outputs: Sequence[int]) -> None:
        """Compute *count* rows of positions from row *first* on.

        In strips: a whole row, or a tile of positions. Threads share the strips and not the rows, of which
        there may be only three.

        Args:
            outputs: how many outputs each position of a row makes.
        """
        e, vectors, lanes = self.e, self.tile.vectors, self.microkernel.lanes
        size = len(outputs) if self.tile.pixels_inner else min(len(outputs), self.tile.pixels)
        products = size * self.points * self.shape.source.stored
        zeros = products + size * self.points * vectors * lanes
        full, rest = divmod(self.shape.vectors(self.microkernel), vectors)
        for part in _cut(outputs, size):
            with e.loop(count * part.count, "s", parallel=True) as s:
                scratch = e.local("scratch", zeros + vectors * lanes, "float32")
                y = e.let("y", first + tirx.floordiv(s, part.count))
                x = e.let("x", part.first + tirx.floormod(s, part.count) * size)
                strip = _Strip(
                    y=y, first=x, outputs=part.outputs, scratch=scratch, products=products, zeros=zeros
                )
                for v in range(vectors):
                    e.store_vector(scratch, const(0, "float32", lanes), zeros + v * lanes, lanes)
                self._evaluate(strip)
                if full:
                    with e.loop(full, "n") as n:
                        self._compute(strip, n, vectors)
                if rest:
                    self._compute(strip, full, rest)

    def _evaluate(self, strip: _Strip) -> None:
        """Write a strip's inputs at all points."""
        e, source, lanes, m = self.e, self.shape.source, self.microkernel.lanes, self.tile.scheme
        pad_h, pad_w = source.pad
        for part in _cut(strip.outputs, 1):
            with e.loop(part.count, "x") as x, e.loop(source.stored // lanes, "c") as c:
                position, inputs = part.first + x, []
                for i in range(part.outputs[0] + TAPS - 1):
                    row, column = self._place(strip, position, i)
                    at = source.at(row - pad_h, column - pad_w, c * lanes)
                    inputs.append(e.let("d", load(self.data, at, lanes)))
                for point, value in enumerate(evaluate(e, inputs, PAIRS[m], lanes)):
                    at = (position * self.points + point) * source.stored + c * lanes
                    e.store_vector(strip.scratch, value, at, lanes)

    def _place(self, strip: _Strip, position: Expr, i: int) -> tuple[Expr, Expr]:
        """(y, x) of output *i* of a position in the map; there tap 0 meets the padded source."""
        m = self.tile.scheme
        column = strip.first + position
        return (strip.y * m + i, column) if self.vertical else (strip.y, column * m + i)

    def _compute(self, strip: _Strip, channel_tile: Expr, width: int) -> None:
        """Write a strip's outputs for a tile of *width* vectors of channels."""
        e, size = self.e, self.tile.pixels
        full, rest = divmod(len(strip.outputs), size)
        # What comes from infinity is in the last of m outputs only.
        points = self.points if strip.outputs[0] == self.tile.scheme else self.points - 1
        with e.loop(points, "p") as point:
            if full:
                with e.loop(full, "m") as i:
                    self._multiply(strip, point, i * size, size, channel_tile, width)
            if rest:
                self._multiply(strip, point, full * size, rest, channel_tile, width)
        for v in range(width):
            self._interpolate(strip, channel_tile, v, width)

    def _multiply(
        self, strip: _Strip, point: Expr, first: Expr, positions: int, channel_tile: Expr, width: int
    ) -> None:
        """Write what *positions* positions from *first* on and *width* vectors give at one *point*."""
        e, microkernel, lanes = self.e, self.microkernel, self.microkernel.lanes
        channels, stored = self.shape.reduction(microkernel), self.shape.source.stored
        slots = [(first + p) * self.points + point for p in range(positions)]
        packed = channel_tile * (self.tile.vectors * lanes * self.points * channels)
        packed += point * (channels * width * lanes)
        places = [strip.products + (slot * width + v) * lanes for slot in slots for v in range(width)]
        path = assembly_path(self.shape, microkernel, self.tile)
        if microkernel.by_element and neon.fits(positions, width, path):
            name, text = neon.tile(microkernel.by_element, positions, width, path)
            e.include(text)
            operands = [address(strip.scratch, slots[0] * stored), address(self.weight, packed)]
            zeros = address(strip.scratch, strip.zeros)
            e.call(name, *operands, zeros, *(address(strip.scratch, place) for place in places))
            return
        sums = [e.local("sums", lanes, "float32") for _ in places]
        for total in sums:
            e.store_vector(total, const(0, "float32", lanes), 0, lanes)

        def add(k: Expr, count: int) -> None:
            """The products of *count* channels from *k* on."""
            activations = [microkernel.activations(e, strip.scratch, slot * stored + k) for slot in slots]
            for q in range(count):
                at = packed + (k + q) * (width * lanes)
                weights = [microkernel.weights(e, self.weight, at + v * lanes, 0) for v in range(width)]
                loaded = [load(total, 0, lanes) for total in sums]
                values = microkernel.accumulate(e, loaded, [values[q] for values in activations], weights)
                for total, value in zip(sums, values, strict=True):
                    e.store_vector(total, value, 0, lanes)

        per_load, unroll = microkernel.channels_per_load, path.unroll
        if path.loads:
            with e.loop(path.loads // unroll, "k") as outer:
                for inner in range(unroll):
                    add((outer * unroll + inner) * per_load, per_load)
        if path.rest:
            add(path.loads * per_load, path.rest)
        for total, place in zip(sums, places, strict=True):
            e.store_vector(strip.scratch, load(total, 0, lanes), place, lanes)

    def _interpolate(self, strip: _Strip, channel_tile: Expr, v: int, width: int) -> None:
        """Write a strip's outputs for vector *v* of a tile."""
        e, lanes, pairs = self.e, self.microkernel.lanes, PAIRS[self.tile.scheme]
        channel = (channel_tile * self.tile.vectors + v) * lanes
        bias = e.let("b", load(self.bias, channel, lanes))
        for part in _cut(strip.outputs, 1):
            count = part.outputs[0]
            with e.loop(part.count, "x") as x:
                first = strip.products + ((part.first + x) * self.points * width + v) * lanes
                # A shorter position has no product at infinity, nor use for it.
                known = self.points - (count < self.tile.scheme)
                products = [
                    e.let("t", load(strip.scratch, first + point * width * lanes, lanes))
                    for point in range(known)
                ]
                for i, value in enumerate(interpolate(e, products, bias, pairs, count, lanes)):
                    if self.shape.relu:
                        value = tirx.max(value, const(0, "float32", lanes))
                    row, column = self._place(strip, part.first + x, i)
                    e.store_vector(self.result, value, self.shape.target.at(row, column, channel), lanes)


def _cut(outputs: Sequence[int], size: int) -> Iterator[_Part]:
    """Cut positions into parts of *size*, the last one apart where it is shorter or its last position is."""
    full = len(outputs) // size
    if outputs[-1] != outputs[0] and full * size == len(outputs):
        full -= 1
    if full:
        yield _Part(full, 0, outputs[:size])
    if full * size < len(outputs):
        yield _Part(1, full * size, outputs[full * size :])
