"""int8 microkernels of x86: VNNI and AVX2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from host.kernels.emit import Emitter, Expr, const, intrinsic, load, reinterpret, shuffle, splat
from host.kernels.feature_map import FeatureMap
from host.kernels.int8 import Int8
from host.kernels.microkernel import MicroKernel
from host.network.int8_sums import MAGIC_BITS


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
            return self.narrow_in_order(rounded)
        low, high = const(0xFFFF, "int32", n), const(16, "int32", n)
        pairs = [
            reinterpret("int16", (even & low) | (odd << high), 2 * n)
            for even, odd in zip(rounded[::2], rounded[1::2], strict=True)
        ]
        return reinterpret("uint8", self._pack8(*pairs), 4 * n)

    def narrow_in_order(self, rounded: Sequence[Expr]) -> Expr:
        return self._narrow([value - const(MAGIC_BITS, "int32", self.lanes) for value in rounded])

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

    def for_target(self, target: FeatureMap) -> MicroKernel:
        """All vectors half as wide where one of at most two would be: registers of both widths side by side
        cost more than they save."""
        half = self.half_width
        return half if half and target.stored in (half.lanes, 3 * half.lanes) else self

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
        whole = source.pitch is None and source.stored % self.group == 0
        return self if whole else replace(self, group=4, channels_per_load=4)

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
