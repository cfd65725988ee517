"""Microkernels: the instructions a convolution is generated for, and what they want in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tvm import tirx

from host.kernels import arm_assembly as neon
from host.kernels.emit import Emitter, Expr, cast, concat, const, lanes_of, load, splat
from host.kernels.epilogue import Addition, Epilogue, PixelSums
from host.kernels.feature_map import FeatureMap
from host.network.int8_sums import Int8Sums


@dataclass(frozen=True, kw_only=True)
class MicroKernel:
    """How convolutions multiply, accumulate and store.

    Attributes:
        name: key used in tuning records.
        activation: dtype of feature maps.
        weight: dtype of packed weights.
        accumulator: dtype of one accumulator lane; one lane holds one output channel.
        lanes: accumulator lanes in one vector register.
        group: input channels that one instruction multiplies and sums per lane.
        channels_per_load: input channels of one pixel that are loaded together; a multiple of `group`.
        registers: vector registers of the CPU.
        int8_sums: what a quantizer has to keep to; None where feature maps are not quantized.
    """

    name: str
    activation: str
    weight: str
    accumulator: str
    lanes: int
    group: int
    channels_per_load: int
    registers: int
    int8_sums: Int8Sums | None = None

    def saturating(self) -> MicroKernel:
        """This microkernel for sums whose scaled values may leave 16 bits."""
        return self

    @property
    def block(self) -> int:
        """Feature maps of LPRNet hold a multiple of this many channels."""
        return max(self.lanes, self.channels_per_load)

    @property
    def granule(self) -> int:
        """The least that feature maps have to hold a multiple of; loads may then reach beyond a pixel."""
        return self.lanes

    @property
    def fp32(self) -> MicroKernel:
        """The microkernel of contexts and head, which always compute in fp32: this one, if it is fp32."""
        return self

    @property
    def quantized(self) -> bool:
        """Feature maps are quantized."""
        return self.int8_sums is not None

    @property
    def requantizes(self) -> bool:
        """Complete sums are multiplied by a float32 per output channel."""
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

    def for_target(self, target: FeatureMap) -> MicroKernel:
        """This microkernel in the form that is best for convolutions to *target*."""
        return self

    @property
    def activation_registers(self) -> int:
        """Registers that one pixel's activations occupy while all products of a load are made."""
        return 0 if self.channels_per_load == self.group else 1

    def registers_used(self, pixels: int, vectors: int) -> int:
        """Registers that keep sums, a load's weights and activations all at once."""
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

    def channel_order(self, stored: int, vectors: int, fused: bool) -> NDArray[np.intp]:
        """The output channel of every lane of every vector.

        Args:
            stored: output channels in memory.
            vectors: of a tile.
            fused: `ConvShape.fused`.
        """
        return np.arange(stored)

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

    def store(self, e: Emitter, epilogue: Epilogue, pixels: Sequence[PixelSums], first: Expr) -> None:
        """Write the target's elements, whole vectors at a time.

        Args:
            pixels: complete sums of output channels from *first* on.
        """
        for pixel in pixels:
            for v, sums in enumerate(pixel.vectors):
                channel = v * self.lanes
                value = self.scale(epilogue, sums, first + channel)
                lanes = lanes_of(value)
                if epilogue.addition is not None:
                    value = self.add(epilogue.addition, value, pixel.added + channel, first + channel)
                zero = const(0, epilogue.target.dtype, lanes)
                if epilogue.relu:
                    value = tirx.max(value, zero)
                if lanes < self.lanes:
                    value = concat([value, zero], lanes)
                e.store_vector(epilogue.result, value, pixel.place + v * self.lanes, self.lanes)

    def scale(self, epilogue: Epilogue, sums: Expr, channel: Expr) -> Expr:
        """A vector of sums, channels from *channel* on, times their multipliers; float32 where there are any
        or the target is."""
        lanes = lanes_of(sums)
        if epilogue.multiplier is not None:
            return cast("float32", sums, lanes) * load(epilogue.multiplier, channel, lanes)
        # Casting float32 to float32 is nothing.
        return cast("float32", sums, lanes) if epilogue.target.dtype == "float32" else sums

    def add(self, addition: Addition, scaled: Expr, place: Expr, channel: Expr) -> Expr:
        """A vector of scaled sums, channels from *channel* on, with the elements at *place* added."""
        return scaled + load(addition.data, place, lanes_of(scaled))
