"""int8 microkernels of Arm: dot products, and long multiplications in 16 bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray
from tvm import tirx

from host.kernels import arm_assembly as neon
from host.kernels.emit import Emitter, Expr, concat, const, intrinsic, load, reinterpret, shuffle, splat
from host.kernels.feature_map import FeatureMap
from host.kernels.int8 import Int8


@dataclass(frozen=True, kw_only=True)
class Neon(Int8):
    """What the microkernels of aarch64 share: how vectors are narrowed.

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
