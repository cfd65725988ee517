"""What the int8 microkernels share: products of 8-bit numbers summed in 32-bit lanes.

Activations are q in 0…255, stored as uint8, or as q − 128 in int8 where the instructions take signed
operands; weights are within ±127. Sums are exact, so every microkernel computes the same integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from tvm import tirx

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
    splat,
)
from host.kernels.epilogue import Addition, Epilogue, PixelSums
from host.kernels.float import INT8_WEIGHTS
from host.kernels.microkernel import MicroKernel
from host.network.int8_sums import MAGIC_BITS, Int8Sums


@dataclass(frozen=True, kw_only=True)
class Int8(MicroKernel):
    """An integer microkernel.

    Attributes:
        int8_sums: what the quantizer has to keep to for sums to be exact.
        fp32_isa: key of `INT8_WEIGHTS`, the microkernel of the head.
    """

    activation: str = "uint8"
    weight: str = "int8"
    accumulator: str = "int32"
    int8_sums: Int8Sums = field()
    fp32_isa: str

    @property
    def fp32(self) -> MicroKernel:
        return INT8_WEIGHTS[self.fp32_isa]

    @property
    def requantizes(self) -> bool:
        return True

    @property
    def activations_per_register(self) -> int:
        return 4 * self.lanes if self.lanes > 1 else 1

    @property
    def granule(self) -> int:
        # Products that share a sum in 16 bits are then of one tap.
        return 8

    @property
    def narrows_pixels_together(self) -> bool:
        """Whether the vectors of several pixels are worth narrowing at once, to be stored apart."""
        return False

    def saturating(self) -> Int8:
        return self

    def narrow(self, scaled: Sequence[Expr]) -> Expr:
        """Up to four float32 vectors → one of activations: clamped to 0…255, rounded half to even.

        Adding 2²³ to a float32 between 0 and 2²³ rounds it to an integer, which is then its lowest bits. The
        clamp keeps the addition apart from the multiplication before, or LLVM would round both at once.
        """
        n = self.lanes
        low, high = const(0.0, "float32", n), const(255.0, "float32", n)
        rounder = const(2.0**23 - self.int8_sums.zero_point, "float32", n)
        bits = [reinterpret("int32", tirx.min(tirx.max(v, low), high) + rounder, n) for v in scaled]
        return cast(self.activation, concat(bits, n), n * len(bits))

    def channel_order(self, stored: int, vectors: int, fused: bool) -> NDArray[np.intp]:
        """Such that `narrow_fused` brings the channels into their order in memory."""
        whole = stored // self.lanes * self.lanes
        order = np.arange(whole).reshape(-1, self.lanes)
        if fused:
            for start in range(0, len(order), vectors):
                end = min(start + vectors, len(order))
                for v in range(start, end, 4):
                    together = order[v : min(v + 4, end)]
                    together[:] = self.packed_order(len(together)) + v * self.lanes
        return np.concatenate([order.ravel(), np.arange(whole, stored)])

    def packed_order(self, vectors: int) -> NDArray[np.intp]:
        """The channel that every lane of up to four vectors computes for `narrow_fused`: [vectors, lanes]."""
        return np.arange(vectors * self.lanes).reshape(vectors, -1)

    def round_fused(self, total: Expr, multiplier: Expr, addend: Expr) -> Expr:
        """A vector of sums as float32 bits, scaled and rounded: MAGIC + q as float32 bits in int32."""
        n = self.lanes
        rounded = self.fused_multiply_add(reinterpret("float32", total, n), multiplier, addend)
        return reinterpret("int32", rounded, n)

    def narrow_fused(self, rounded: Sequence[Expr]) -> Expr:
        """Up to four vectors of `round_fused` → one of activations, clamped to 0…255."""
        n = self.lanes
        whole = [value - const(MAGIC_BITS, "int32", n) for value in rounded]
        clamped = [tirx.max(tirx.min(w, const(255, "int32", n)), const(0, "int32", n)) for w in whole]
        return cast(self.activation, concat(clamped, n), n * len(clamped))

    def narrow_in_order(self, rounded: Sequence[Expr]) -> Expr:
        """`narrow_fused`, but vectors stay in their order."""
        return self.narrow_fused(rounded)

    def store(self, e: Emitter, epilogue: Epilogue, pixels: Sequence[PixelSums], first: Expr) -> None:
        """Scale, round and clamp sums to activations, which is a ReLU, too: up to four vectors at once."""
        if epilogue.target.dtype == "float32":
            super().store(e, epilogue, pixels, first)
            return
        half = self.half_width
        if half is not None and lanes_of(pixels[0].vectors[-1]) == half.lanes:
            assert isinstance(half, Int8)
            whole = len(pixels[0].vectors) - 1
            last = whole * self.lanes
            half.store(e, epilogue, [p.from_vector(whole, last) for p in pixels], first + last)
            pixels = [replace(p, vectors=p.vectors[:whole]) for p in pixels]
            if not whole:
                return
        scaled = [
            _Scaled(self._scaled(epilogue, pixel, v, first), pixel.place, v * self.lanes)
            for pixel in pixels
            for v in range(len(pixel.vectors))
        ]
        if epilogue.target.pixel == self.lanes == 8 and not epilogue.addition:
            self._store_line(e, epilogue, scaled)
            return
        together = len(scaled) if self.narrows_pixels_together else len(pixels[0].vectors)
        for start in range(0, len(scaled), together):
            for i in range(start, start + together, 4):
                self._store_narrowed(e, epilogue, scaled[i : min(i + 4, start + together)])

    def _store_line(self, e: Emitter, epilogue: Epilogue, vectors: Sequence[_Scaled]) -> None:
        """Write neighbouring pixels of one vector each, which lie end to end."""
        for i in range(0, len(vectors), 4):
            four = [vector.value for vector in vectors[i : i + 4]]
            narrow = self.narrow_in_order(four) if epilogue.fused else self.narrow(four)
            e.store_vector(epilogue.result, narrow, vectors[i].place, self.lanes * len(four))

    def _scaled(self, epilogue: Epilogue, pixel: PixelSums, v: int, first: Expr) -> Expr:
        """Vector *v* of a pixel, whose channels begin at *first*: as float32, or rounded where fused."""
        sums, channel = pixel.vectors[v], first + v * self.lanes
        if epilogue.addend is not None:
            factors = (load(f, channel, self.lanes) for f in (epilogue.multiplier, epilogue.addend))
            return self.round_fused(sums, *factors)
        value = self.scale(epilogue, sums, channel)
        if epilogue.addition is None:
            return value
        return self.add(epilogue.addition, value, pixel.added + v * self.lanes, channel)

    def add(self, addition: Addition, scaled: Expr, place: Expr, channel: Expr) -> Expr:
        n = lanes_of(scaled)
        q = cast("int32", load(addition.data, place, n), n) - const(self.int8_sums.zero_point, "int32", n)
        return self.fused_multiply_add(cast("float32", q, n), load(addition.ratio, channel, n), scaled)

    def fused_multiply_add(self, a: Expr, b: Expr, c: Expr) -> Expr:
        """a · b + c in float32, rounded once."""
        n = lanes_of(a)
        real = "float32" if n == 1 else f"float32x{n}"
        return intrinsic(real, "llvm.fma.f32" if n == 1 else f"llvm.fma.v{n}f32", a, b, c)

    def _store_narrowed(self, e: Emitter, epilogue: Epilogue, vectors: Sequence[_Scaled]) -> None:
        """Write up to four vectors, which may be of several pixels."""
        lanes, values = self.lanes, [vector.value for vector in vectors]
        narrow = self.narrow_fused(values) if epilogue.fused else self.narrow(values)
        if all(vector.place is vectors[0].place for vector in vectors):
            place = vectors[0].place + vectors[0].channel
            e.store_vector(epilogue.result, narrow, place, lanes * len(vectors))
            return
        narrow = e.let("n", narrow)
        i = 0
        while i < len(vectors):
            # A lone vector as one word, or LLVM stores it byte by byte.
            pair = i % 2 == 0 and i + 1 < len(vectors) and vectors[i + 1].place is vectors[i].place
            if pair:
                part = shuffle([narrow], range(i * lanes, (i + 2) * lanes))
            else:
                words = reinterpret("int32", narrow, len(vectors))
                part = reinterpret(self.activation, shuffle([words], [i]), lanes)
            count = 2 if pair else 1
            e.store_vector(epilogue.result, part, vectors[i].place + vectors[i].channel, lanes * count)
            i += count


@dataclass(frozen=True)
class _Scaled:
    """A vector of sums times their multipliers.

    Attributes:
        place: index in the target of the pixel's first channel.
        channel: the vector's first channel, counted from there.
    """

    value: Expr
    place: Expr
    channel: int


@dataclass(frozen=True, kw_only=True)
class Plain(Int8):
    """One channel at a time, widened to 32 bits and multiplied there: what any CPU can do."""

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        return [splat(e.let("a", tirx.Cast("int32", load(source, start))), self.lanes)]

    def multiply_add(self, accumulator: Expr, activation: Expr, weight: Expr) -> Expr:
        return accumulator + activation * cast("int32", weight, self.lanes)

    def fused_multiply_add(self, a: Expr, b: Expr, c: Expr) -> Expr:
        # Not every CPU has an instruction. In float64, products of float32 are exact.
        n = lanes_of(a)
        wide = [cast("float64", value, n) for value in (a, b, c)]
        return cast("float32", wide[0] * wide[1] + wide[2], n)
