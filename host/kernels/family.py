"""Instruction families: what one multiply-accumulate looks like on a class of CPUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from tvm import tirx

from host.kernels import neon
from host.kernels.emit import Emitter, Expr, cast, load, shuffle, span, splat
from host.kernels.feature_map import FeatureMap


@dataclass(frozen=True)
class Family:
    """How convolutions multiply and accumulate.

    Attributes:
        name: key used in tuning records.
        activation: dtype of feature maps.
        weight: dtype of packed weights.
        accumulator: dtype of one accumulator lane; one lane holds one output channel.
        lanes: accumulator lanes in one vector register.
        group: input channels that one instruction multiplies and sums per lane.
        step: input channels of one pixel that are fetched together; a multiple of `group`.
        registers: vector registers of the CPU.
        tail: the fp32 family of what is not computed in this one, contexts and head; None where this is fp32.
    """

    name: str
    activation: str
    weight: str
    accumulator: str
    lanes: int
    group: int
    step: int
    registers: int
    tail: Family | None = field(default=None, kw_only=True)

    @property
    def block(self) -> int:
        """Feature maps hold a multiple of this many channels."""
        return max(self.lanes, self.step)

    @property
    def floats(self) -> Family:
        """The family of what computes in fp32: `tail`, or this one, if it is fp32."""
        return self.tail or self

    @property
    def scaled(self) -> bool:
        """Sums are multiplied by a float32 per output channel when they are complete."""
        return False

    @property
    def spread(self) -> int:
        """Registers that a vector of sums is spread over until `complete` adds them up."""
        return 1

    @property
    def elements(self) -> int:
        """Activations in one vector register."""
        return self.lanes

    @property
    def half(self) -> Family | None:
        """This family with vectors half as wide, where they take half the time."""
        return None

    def fitting(self, source: FeatureMap) -> Family:
        """This family in the form that convolutions of *source* use."""
        return self

    @property
    def held(self) -> int:
        """Registers that one pixel's activations occupy while all of a step's products are made."""
        return 0 if self.step == self.group else 1

    def occupied(self, pixels: int, vectors: int) -> int:
        """Registers that a tile keeps busy: sums, weights, and what is held or broadcast of activations."""
        if self.product:
            return pixels * (vectors + 1) + neon.TOGETHER
        return pixels * vectors + vectors + pixels * self.held + 1

    @property
    def product(self) -> neon.Product | None:
        """The instruction of tiles in assembly, where that is better than what LLVM makes of them."""
        return None

    def arrange(self, weight: NDArray[np.generic]) -> NDArray[np.generic]:
        """One vector's weights […, lanes, group] → […, lanes · group] in the order of memory."""
        return weight.reshape(*weight.shape[:-2], -1)

    def encode(self, weight: NDArray[np.float32]) -> NDArray[np.generic]:
        """Weights as elements of `weight`."""
        return weight.astype(self.weight)

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        """`step` channels of the pixel at *start*, as one operand of `multiply_add` per `group`."""
        raise NotImplementedError

    def planar_activations(
        self, e: Emitter, image: Expr, channel: Expr, y: Expr, x: Expr, pixels: int
    ) -> list[Expr]:
        """One channel of *pixels* neighbours in a planar image, each as a broadcast vector."""
        return [splat(tirx.BufferLoad(image, [0, channel, y, x + p]), self.lanes) for p in range(pixels)]

    def weights(self, e: Emitter, packed: Expr, start: Expr, part: int) -> Expr:
        """One vector's weights for `group` channels and *part* of `spread`, for `multiply_add`."""
        return e.let("w", load(packed, start, self.lanes * self.group))

    def multiply_add(self, accumulator: Expr, activation: Expr, weight: Expr) -> Expr:
        """accumulator[lane] + Σ over `group` of activation · weight[lane]."""
        raise NotImplementedError

    def accumulate(
        self, e: Emitter, totals: Sequence[Expr], activations: Sequence[Expr], weights: Sequence[Expr]
    ) -> list[Expr]:
        """*totals*, by pixel and vector, with the products of every pixel and every vector added."""
        pairs = [(a, w) for a in activations for w in weights]
        return [self.multiply_add(total, *pair) for total, pair in zip(totals, pairs, strict=True)]

    def begin(self, e: Emitter, bias: Expr, start: Expr) -> list[Expr]:
        """What a vector's `spread` registers begin with."""
        return [e.let("b", load(bias, start, self.lanes))]

    def complete(self, parts: Sequence[Expr], bias: Expr, start: Expr) -> Expr:
        """A vector of sums from its `spread` registers."""
        return parts[0]


@dataclass(frozen=True)
class Float32(Family):
    """fp32 with fused multiply-add, one channel broadcast at a time (folded into the FMA on x86)."""

    @property
    def half(self) -> Family | None:
        # CPUs that take 512 bits at once lose nothing.
        return replace(self, lanes=8) if self.lanes == 16 else None

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        return [splat(load(source, start), self.lanes)]

    def multiply_add(self, accumulator: Expr, activation: Expr, weight: Expr) -> Expr:
        return accumulator + activation * weight


@dataclass(frozen=True)
class Float32ByElement(Float32):
    """fp32 FMA by element (NEON): four channels of a pixel in one load, each lane a multiplicand."""

    @property
    def product(self) -> neon.Product | None:
        return neon.FMLA

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        vector = e.let("a", load(source, start, self.step))
        return [
            splat(tirx.Shuffle([vector], [tirx.IntImm("int32", q)]), self.lanes) for q in range(self.step)
        ]

    def planar_activations(
        self, e: Emitter, image: Expr, channel: Expr, y: Expr, x: Expr, pixels: int
    ) -> list[Expr]:
        values: list[Expr] = []
        while len(values) < pixels:
            rest = pixels - len(values)
            count = next(n for n in (self.lanes, 4, 1) if n <= min(rest, self.lanes))
            place = span(x + len(values), count)
            loaded = self._activation(tirx.BufferLoad(image, [0, channel, y, place]), count)
            if count == 1:
                values.append(splat(loaded, self.lanes))
            else:
                vector = e.let("a", loaded)
                values += [splat(shuffle([vector], [q]), self.lanes) for q in range(count)]
        return values

    def _activation(self, pixels: Expr, count: int) -> Expr:
        """*count* pixels of the image as activations."""
        return pixels


@dataclass(frozen=True)
class Float16ByElement(Float32ByElement):
    """fp16 arithmetic by element (Armv8.2): twice as many lanes."""

    @property
    def product(self) -> neon.Product:
        return neon.FMLA_HALF

    def _activation(self, pixels: Expr, count: int) -> Expr:
        return cast("float16", pixels, count)


@dataclass(frozen=True)
class Int8Weights(Float32):
    """fp32 with weights stored in int8: a quarter of the bytes, widened when they are loaded."""

    @property
    def scaled(self) -> bool:
        return True

    def multiply_add(self, accumulator: Expr, activation: Expr, weight: Expr) -> Expr:
        return super().multiply_add(accumulator, activation, cast("float32", weight, self.lanes))


@dataclass(frozen=True)
class Int8WeightsByElement(Int8Weights, Float32ByElement):
    """The same by element (NEON)."""

    @property
    def product(self) -> None:
        return None


FLOAT32 = {
    "avx512": Float32("fp32-avx512", "float32", "float32", "float32", 16, 1, 1, 32),
    "avx2": Float32("fp32-avx2", "float32", "float32", "float32", 8, 1, 1, 16),
    "neon": Float32ByElement("fp32-neon", "float32", "float32", "float32", 4, 1, 4, 32),
    "neon32": Float32("fp32-neon32", "float32", "float32", "float32", 4, 1, 1, 16),
    "scalar": Float32("fp32-scalar", "float32", "float32", "float32", 1, 1, 1, 32),
}

FLOAT16 = {
    "neon": Float16ByElement("fp16-neon", "float16", "float16", "float16", 8, 1, 8, 32, tail=FLOAT32["neon"]),
}

INT8_WEIGHTS = {
    name: (Int8WeightsByElement if isinstance(family, Float32ByElement) else Int8Weights)(
        **asdict(family) | {"name": family.name.replace("fp32", "fp32-int8-weights"), "weight": "int8"}
    )
    for name, family in FLOAT32.items()
}
