"""What becomes of a convolution's sums when they are complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from host.kernels.emit import Expr
from host.kernels.feature_map import FeatureMap


@dataclass(frozen=True)
class Addition:
    """A map that is added to scaled sums before the ReLU.

    Attributes:
        source: the map.
        data: its buffer.
        ratio: float32 per stored channel that its elements are multiplied by, if any.
    """

    source: FeatureMap
    data: Expr
    ratio: Expr | None


@dataclass(frozen=True, kw_only=True)
class Epilogue:
    """How sums become elements of the target; `MicroKernel.store` does it.

    Attributes:
        target: the map that is written.
        result: its buffer.
        relu: negative values become 0.
        multiplier: float32 per stored channel that sums are multiplied by, if any.
        addend: float32 per stored channel, where one fused multiply-add scales and rounds (see
            `FusedRequantization`).
        addition: what is added, if anything.
    """

    target: FeatureMap
    result: Expr
    relu: bool
    multiplier: Expr | None = None
    addend: Expr | None = None
    addition: Addition | None = None

    @property
    def fused(self) -> bool:
        return self.addend is not None


@dataclass(frozen=True)
class PixelSums:
    """The sums of one pixel, a vector of output channels each.

    Attributes:
        place: index in the target of the first channel.
        vectors: the sums; the last vector may be half as wide.
        added: index in the map of `Epilogue.addition` of the first channel.
    """

    place: Expr
    vectors: Sequence[Expr]
    added: Expr = 0

    def from_vector(self, v: int, channels: int) -> PixelSums:
        """Its vectors from number *v* on, before which there are *channels* channels."""
        return PixelSums(self.place + channels, self.vectors[v:], self.added + channels)
