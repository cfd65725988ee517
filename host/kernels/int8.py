"""Instruction families for int8: products of 8-bit numbers summed in 32-bit lanes.

Activations are q in 0…255, stored as uint8, or as q − 128 in int8 where the instructions take signed
operands; weights are within ±127. Sums are exact, so every microkernel computes the same integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray
from tvm import tirx

from host.kernels import arm_assembly as neon
from host.kernels.emit import Emitter, Expr, cast, concat, const, intrinsic, load, reinterpret, shuffle, splat
from host.kernels.feature_map import FeatureMap
from host.kernels.float import INT8_WEIGHTS
from host.kernels.microkernel import MicroKernel
from host.network.int8_sums import MAGIC_BITS, Int8Sums

UNSIGNED, SIGNED = Int8Sums(), Int8Sums(zero_point=-128)
FUSED = Int8Sums(fused=True)


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
    int8_sums: Int8Sums
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
    def narrows_pixels_together(self) -> bool:
        """Whether the vectors of several pixels are worth narrowing at once, to be stored apart."""
        return False

    def saturating(self) -> Int8:
        """The microkernel for sums whose scaled values may leave 16 bits."""
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

    def packed_order(self, vectors: int) -> NDArray[np.intp]:
        """The channel that every lane of up to four vectors computes for `narrow_fused`: [vectors, lanes]."""
        return np.arange(vectors * self.lanes).reshape(vectors, -1)

    def round_fused(self, total: Expr, multiplier: Expr, addend: Expr) -> Expr:
        """A vector of sums as float32 bits, scaled and rounded: MAGIC + q as float32 bits in int32."""
        n = self.lanes
        real = "float32" if n == 1 else f"float32x{n}"
        name = "llvm.fma.f32" if n == 1 else f"llvm.fma.v{n}f32"
        return reinterpret(
            "int32", intrinsic(real, name, reinterpret("float32", total, n), multiplier, addend), n
        )

    def narrow_fused(self, rounded: Sequence[Expr]) -> Expr:
        """Up to four vectors of `round_fused` → one of activations, clamped to 0…255."""
        n = self.lanes
        whole = [value - const(MAGIC_BITS, "int32", n) for value in rounded]
        clamped = [tirx.max(tirx.min(w, const(255, "int32", n)), const(0, "int32", n)) for w in whole]
        return cast(self.activation, concat(clamped, n), n * len(clamped))


@dataclass(frozen=True, kw_only=True)
class Plain(Int8):
    """One channel at a time, widened to 32 bits and multiplied there: what any CPU can do."""

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        return [splat(e.let("a", tirx.Cast("int32", load(source, start))), self.lanes)]

    def multiply_add(self, accumulator: Expr, activation: Expr, weight: Expr) -> Expr:
        return accumulator + activation * cast("int32", weight, self.lanes)


@dataclass(frozen=True, kw_only=True)
class X86(Int8):
    """Four channels a lane, broadcast as one 32-bit word."""

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        word = reinterpret("int32", load(source, start, 4))
        return [e.let("a", reinterpret("int8", splat(word, self.lanes), 4 * self.lanes))]

    def narrow(self, scaled: Sequence[Expr]) -> Expr:
        """Convert, which rounds half to even, then pack 32 → 16 → 8 bits with saturation."""
        return self._narrow([self._convert(v) for v in scaled])

    def _narrow(self, wide: Sequence[Expr]) -> Expr:
        """Up to four vectors of int32 → one of uint8, saturated.

        Packs work within 128 bits: of v₀…v₃ they leave v₀[0:4] v₁[0:4] v₂[0:4] v₃[0:4] v₀[4:8] ….
        """
        first = self._pack16(wide[0], wide[min(1, len(wide) - 1)])
        second = self._pack16(wide[2], wide[-1]) if len(wide) > 2 else first
        words = reinterpret("int32", self._pack8(first, second), self.lanes)
        order = [4 * block + v for v in range(len(wide)) for block in range(self.lanes // 4)]
        return reinterpret("uint8", shuffle([words], order), self.lanes * len(wide))

    def packed_order(self, vectors: int) -> NDArray[np.intp]:
        if vectors < 4:
            return super().packed_order(vectors)
        # `narrow_fused` leaves, in every 128 bits, v₀ and v₁ of four lanes in turn, then v₂ and v₃.
        block, half, lane, odd = np.meshgrid(*map(np.arange, (self.lanes // 4, 2, 4, 2)), indexing="ij")
        order = np.empty((4, self.lanes), np.intp)
        order[2 * half + odd, 4 * block + lane] = 16 * block + 8 * half + 2 * lane + odd
        return order

    def narrow_fused(self, rounded: Sequence[Expr]) -> Expr:
        """The low 16 bits of `MAGIC` + q are q: two vectors are one of int16, packed with saturation."""
        n = self.lanes
        if len(rounded) < 4:
            return self._narrow([value - const(MAGIC_BITS, "int32", n) for value in rounded])
        low, high = const(0xFFFF, "int32", n), const(16, "int32", n)
        pairs = [
            reinterpret("int16", (even & low) | (odd << high), 2 * n)
            for even, odd in zip(rounded[::2], rounded[1::2], strict=True)
        ]
        return reinterpret("uint8", self._pack8(*pairs), 4 * n)

    def _convert(self, value: Expr) -> Expr:
        if self.lanes == 16:
            everywhere, current_rounding = const(-1, "int16"), const(4, "int32")
            name = "llvm.x86.avx512.mask.cvtps2dq.512"
            return intrinsic("int32x16", name, value, const(0, "int32", 16), everywhere, current_rounding)
        return intrinsic("int32x8", "llvm.x86.avx.cvt.ps2dq.256", value)

    def _pack16(self, low: Expr, high: Expr) -> Expr:
        name = "llvm.x86.avx512.packssdw.512" if self.lanes == 16 else "llvm.x86.avx2.packssdw"
        return intrinsic(f"int16x{2 * self.lanes}", name, low, high)

    def _pack8(self, low: Expr, high: Expr) -> Expr:
        name = "llvm.x86.avx512.packuswb.512" if self.lanes == 16 else "llvm.x86.avx2.packuswb"
        return intrinsic(f"int8x{4 * self.lanes}", name, low, high)


@dataclass(frozen=True, kw_only=True)
class Vnni(X86):
    """vpdpbusd: four products of uint8 and int8 added to a 32-bit lane, exactly."""

    @property
    def half_width(self) -> MicroKernel | None:
        return replace(self, lanes=8) if self.lanes == 16 else None

    def multiply_add(self, accumulator: Expr, activation: Expr, weight: Expr) -> Expr:
        name = f"llvm.x86.avx512.vpdpbusd.{32 * self.lanes}"
        return intrinsic(f"int32x{self.lanes}", name, accumulator, activation, weight)


@dataclass(frozen=True, kw_only=True)
class Avx2(X86):
    """vpmaddubsw adds two products of uint8 and int8 in 16 bits, vpmaddwd with ones two of those in 32.

    Of two words of channels, the sums in 16 bits are added before they are widened: five instructions for
    eight products a lane instead of six. The quantizer keeps the weights that share a sum small enough.
    """

    def for_source(self, source: FeatureMap) -> MicroKernel:
        """One word at a time where a pixel's are no multiple of two; fewer products share a sum."""
        return self if source.pitch is None else replace(self, group=4, channels_per_load=4)

    def registers_used(self, pixels: int, vectors: int) -> int:
        # A sum in 16 bits and the ones.
        return super().registers_used(pixels, vectors) + 2

    def arrange(self, weight: NDArray[np.generic]) -> NDArray[np.generic]:
        *outer, lanes, group = weight.shape
        words = weight.reshape(*outer, lanes, group // 4, 4)
        return np.moveaxis(words, -2, -3).reshape(*outer, lanes * group)

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        return [[super(Avx2, self).activations(e, source, start + i)[0] for i in range(0, self.group, 4)]]

    def weights(self, e: Emitter, packed: Expr, start: Expr, partial_sum: int) -> list[Expr]:
        size = 4 * self.lanes
        return [e.let("w", load(packed, start + i * size, size)) for i in range(self.group // 4)]

    def multiply_add(self, accumulator: Expr, activation: list[Expr], weight: list[Expr]) -> Expr:
        halves = 2 * self.lanes
        name = "llvm.x86.avx2.pmadd.ub.sw"
        pairs = [intrinsic(f"int16x{halves}", name, a, w) for a, w in zip(activation, weight, strict=True)]
        ones = const(1, "int16", halves)
        wide = intrinsic(f"int32x{self.lanes}", "llvm.x86.avx2.pmadd.wd", reduce(add, pairs), ones)
        return accumulator + wide


@dataclass(frozen=True, kw_only=True)
class Neon(Int8):
    """What the aarch64 families share.

    Attributes:
        saturates: also narrow values right that are beyond 16 bits.
    """

    saturates: bool = False

    @property
    def narrows_pixels_together(self) -> bool:
        return True

    def saturating(self) -> Neon:
        return replace(self, saturates=True)

    def narrow(self, scaled: Sequence[Expr]) -> Expr:
        """Convert to nearest even, narrow to 16 bits, to uint8 with saturation, and flip the upper bit."""
        wide = [self._convert(value) for value in scaled]
        wide += wide[-1:] * (len(wide) % 2)
        bytes_ = [
            intrinsic("int8x8", "llvm.aarch64.neon.sqxtun.v8i8", self._halve(*pair))
            for pair in zip(wide[::2], wide[1::2], strict=True)
        ]
        count = 8 * len(bytes_)
        narrow = tirx.bitwise_xor(concat(bytes_, 8), const(self.int8_sums.zero_point, "int8", count))
        return narrow if count == 4 * len(scaled) else shuffle([narrow], range(4 * len(scaled)))

    def _halve(self, first: Expr, second: Expr) -> Expr:
        if not self.saturates:
            return tirx.Cast("int16x8", concat([first, second], 4))
        name = "llvm.aarch64.neon.sqxtn.v4i16"
        return concat([intrinsic("int16x4", name, half) for half in (first, second)], 4)

    def _convert(self, value: Expr) -> Expr:
        return intrinsic("int32x4", "llvm.aarch64.neon.fcvtns.v4i32.v4f32", value)


@dataclass(frozen=True, kw_only=True)
class NeonDot(Neon):
    """sdot by element: 16 channels of a pixel in one load, each four of them a multiplicand.

    LLVM folds the broadcast of a lane into the instruction where it is the last operand.
    """

    @property
    def by_element(self) -> neon.ByElement:
        return neon.SDOT

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        words = e.let("a", reinterpret("int32", load(source, start, 16), 4))
        return [reinterpret("int8", splat(shuffle([words], [q]), 4), 16) for q in range(4)]

    def multiply_add(self, accumulator: Expr, activation: Expr, weight: Expr) -> Expr:
        return intrinsic("int32x4", "llvm.aarch64.neon.sdot.v4i32.v16i8", accumulator, weight, activation)


@dataclass(frozen=True, kw_only=True)
class MultiplyLong(Int8):
    """Products of eight channels summed in two 16-bit halves of a lane, the halves added to the lane.

    smull and smlal, then sadalp. The quantizer keeps the 16-bit sums within range.
    """

    def registers_used(self, pixels: int, vectors: int) -> int:
        # Weights and repeated activations are half registers, four of each at a time, and sums in 16 bits.
        return pixels * vectors + 2 * vectors + pixels + 3

    def arrange(self, weight: NDArray[np.generic]) -> NDArray[np.generic]:
        *outer, lanes, _ = weight.shape
        pairs = weight.reshape(*outer, lanes, 4, 2)
        return np.moveaxis(pairs, -2, -3).reshape(*outer, lanes * 8)

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        pairs = e.let("a", reinterpret("int16", load(source, start, 16), 8))
        repeated = [reinterpret("int8", splat(shuffle([pairs], [i]), 4), 8) for i in range(8)]
        return [repeated[:4], repeated[4:]]

    def weights(self, e: Emitter, packed: Expr, start: Expr, partial_sum: int) -> list[Expr]:
        return [e.let("w", load(packed, start + 8 * i, 8)) for i in range(4)]

    def multiply_add(self, accumulator: Expr, activation: Expr, weight: Expr) -> Expr:
        products = [self._multiply(a, w) for a, w in zip(activation, weight, strict=True)]
        return self._add_pairs(accumulator, reduce(add, products))

    def _multiply(self, a: Expr, b: Expr) -> Expr:
        return intrinsic("int16x8", "llvm.arm.neon.vmulls.v8i16", a, b)

    def _add_pairs(self, accumulator: Expr, halves: Expr) -> Expr:
        return intrinsic("int32x4", "llvm.arm.neon.vpadals.v4i32.v8i16", accumulator, halves)


@dataclass(frozen=True, kw_only=True)
class NeonLong(MultiplyLong, Neon):
    """The same on aarch64, where four registers hold partial sums of an output channel each.

    Both operands are then channels as they lie in memory: nothing is repeated, halves of registers are
    multiplied where they are (smull2, smlal2), and pairwise additions at the end make the vector.
    """

    @property
    def block(self) -> int:
        return 16

    @property
    def partial_sums(self) -> int:
        return self.lanes

    @property
    def activation_registers(self) -> int:
        return self.channels_per_load // 16

    def for_source(self, source: FeatureMap) -> MultiplyLong:
        """Half the channels at a time where a pixel's are no multiple; fewer products share a sum."""
        if source.pitch is None and source.stored % self.group == 0:
            return self
        return replace(self, group=16, channels_per_load=16)

    def registers_used(self, pixels: int, vectors: int) -> int:
        return pixels * vectors * self.partial_sums + (pixels + 1) * self.activation_registers + 1

    def arrange(self, weight: NDArray[np.generic]) -> NDArray[np.generic]:
        return Neon.arrange(self, weight)

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        return [[e.let("a", load(source, start + i, 16)) for i in range(0, self.group, 16)]]

    def weights(self, e: Emitter, packed: Expr, start: Expr, partial_sum: int) -> list[Expr]:
        # In pairs: LLVM would load four registers at a time too early for those that are left.
        first = start + partial_sum * self.group
        return [e.let("w", load(packed, first + i, 16)) for i in range(0, self.group, 16)]

    def accumulate(
        self, e: Emitter, totals: Sequence[Expr], activations: Sequence[Expr], weights: Sequence[Expr]
    ) -> list[Expr]:
        pixels, vectors, result = len(activations), len(weights), list(totals)
        name = f"multiply_long_{pixels}_{self.group}"
        e.include(neon.multiply_long(name, pixels, self.group // 16))
        for v, weight in enumerate(weights):
            operands = [concat(totals[v::vectors], 4), *(a for pixel in activations for a in pixel), *weight]
            sums = e.let("s", tirx.call_extern(f"int32x{4 * pixels}", name, *operands))
            result[v::vectors] = [shuffle([sums], range(4 * p, 4 * p + 4)) for p in range(pixels)]
        return result

    def initial_sums(self, e: Emitter, bias: Expr, start: Expr) -> list[Expr]:
        return [const(0, "int32", self.lanes)] * self.partial_sums

    def reduce_sums(self, parts: Sequence[Expr], bias: Expr, start: Expr) -> Expr:
        first, second = self._pairwise(*parts[:2]), self._pairwise(*parts[2:])
        return self._pairwise(first, second) + load(bias, start, self.lanes)

    def _pairwise(self, a: Expr, b: Expr) -> Expr:
        return intrinsic("int32x4", "llvm.aarch64.neon.addp.v4i32", a, b)


# Four products of at most 128 · 127 do not fit 16 bits, but four weights are hardly ever that large together:
# the limit costs next to no resolution.
FOUR_IN_16_BITS = Int8Sums(zero_point=-128, products=4, stride=2)
FOUR_APART_IN_16_BITS = Int8Sums(zero_point=-128, products=4, stride=8)
TWO_RUNS_IN_16_BITS = Int8Sums(products=4, stride=4, run=2, fused=True)

INT8 = {
    "avx512vnni": Vnni(
        name="int8-avx512vnni",
        lanes=16,
        group=4,
        channels_per_load=4,
        registers=32,
        int8_sums=FUSED,
        fp32_isa="avx512",
    ),
    "avxvnni": Vnni(
        name="int8-avxvnni",
        lanes=8,
        group=4,
        channels_per_load=4,
        registers=16,
        int8_sums=FUSED,
        fp32_isa="avx2",
    ),
    "avx2": Avx2(
        name="int8-avx2",
        lanes=8,
        group=8,
        channels_per_load=8,
        registers=16,
        int8_sums=TWO_RUNS_IN_16_BITS,
        fp32_isa="avx2",
    ),
    "neon-dotprod": NeonDot(
        name="int8-neon-dotprod",
        activation="int8",
        lanes=4,
        group=4,
        channels_per_load=16,
        registers=32,
        int8_sums=SIGNED,
        fp32_isa="neon",
    ),
    "neon": NeonLong(
        name="int8-neon",
        activation="int8",
        lanes=4,
        group=32,
        channels_per_load=32,
        registers=32,
        int8_sums=FOUR_APART_IN_16_BITS,
        fp32_isa="neon",
    ),
    "neon32": MultiplyLong(
        name="int8-neon32",
        activation="int8",
        lanes=4,
        group=8,
        channels_per_load=16,
        registers=16,
        int8_sums=FOUR_IN_16_BITS,
        fp32_isa="neon32",
    ),
    "plain": Plain(
        name="int8-plain",
        lanes=4,
        group=1,
        channels_per_load=1,
        registers=16,
        int8_sums=UNSIGNED,
        fp32_isa="neon32",
    ),
    "scalar": Plain(
        name="int8-scalar",
        lanes=1,
        group=1,
        channels_per_load=1,
        registers=32,
        int8_sums=UNSIGNED,
        fp32_isa="scalar",
    ),
}
