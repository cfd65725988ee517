from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tvm import tirx

from host.kernels import arm_assembly as neon
from host.kernels.emit import Emitter, Expr, load, splat
from host.kernels.feature_map import FeatureMap


@dataclass(frozen=True, kw_only=True)
class MicroKernel:
    """How convolutions multiply and accumulate.

    Attributes:
        name: key used in tuning records.
        activation: dtype of feature maps.
        weight: dtype of packed weights.
        accumulator: dtype of one accumulator lane; one lane holds one output channel.
        lanes: accumulator lanes in one vector register.
        group: input channels that one instruction multiplies and sums per lane.
        channels_per_load: input channels of one pixel that are loaded together; a multiple of `group`.
        registers: vector registers of the CPU.
    """

    name: str
    activation: str
    weight: str
    accumulator: str
    lanes: int
    group: int
    channels_per_load: int
    registers: int

    @property
    def block(self) -> int:
        """Feature maps hold a multiple of this many channels."""
        return max(self.lanes, self.channels_per_load)

    @property
    def fp32(self) -> MicroKernel:
        """The microkernel of contexts and head, which compute in fp32 always: this one, if it is fp32."""
        return self

    @property
    def requantizes(self) -> bool:
        """Sums are multiplied by a float32 per output channel when they are complete."""
        return False

    @property
    def partial_sums(self) -> int:
        """Registers that a vector of sums is spread over until `reduce_sums` adds them up."""
        return 1

    @property
    def activations_per_register(self) -> int:
        """Activations in one vector register."""
        return self.lanes

    @property
    def half_width(self) -> MicroKernel | None:
        """This microkernel with vectors half as wide, where they take half the time."""
        return None

    def for_source(self, source: FeatureMap) -> MicroKernel:
        """This microkernel in the form that convolutions of *source* use."""
        return self

    @property
    def activation_registers(self) -> int:
        """Registers that one pixel's activations occupy while all products of a load are made."""
        return 0 if self.channels_per_load == self.group else 1

    def registers_used(self, pixels: int, vectors: int) -> int:
        """Registers that a tile keeps busy: sums, weights, and what is held or broadcast of activations."""
        if self.by_element:
            return pixels * (vectors + 1) + neon.LD1_REGISTERS
        return pixels * vectors + vectors + pixels * self.activation_registers + 1

    @property
    def by_element(self) -> neon.ByElement | None:
        """The instruction of tiles in assembly, where that is better than what LLVM makes of them."""
        return None

    def arrange(self, weight: NDArray[np.generic]) -> NDArray[np.generic]:
        """One vector's weights […, lanes, group] → […, lanes · group] in the order of memory."""
        return weight.reshape(*weight.shape[:-2], -1)

    def encode(self, weight: NDArray[np.float32]) -> NDArray[np.generic]:
        """Weights as elements of `weight`."""
        return weight.astype(self.weight)

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        """`channels_per_load` channels of the pixel at *start*: an operand of `multiply_add` per `group`."""
        raise NotImplementedError

    def planar_activations(
        self, e: Emitter, image: Expr, channel: Expr, y: Expr, x: Expr, pixels: int
    ) -> list[Expr]:
        """One channel of *pixels* neighbours in a planar image, each as a broadcast vector."""
        return [splat(tirx.BufferLoad(image, [0, channel, y, x + p]), self.lanes) for p in range(pixels)]

    def weights(self, e: Emitter, packed: Expr, start: Expr, partial_sum: int) -> Expr:
        """One vector's weights for `group` channels and one of `partial_sums`, for `multiply_add`."""
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

    def initial_sums(self, e: Emitter, bias: Expr, start: Expr) -> list[Expr]:
        """What a vector's `partial_sums` registers begin with."""
        return [e.let("b", load(bias, start, self.lanes))]

    def reduce_sums(self, parts: Sequence[Expr], bias: Expr, start: Expr) -> Expr:
        """A vector of sums from its `partial_sums` registers."""
        return parts[0]
