"""What becomes of a convolution's sums when they are complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from host.kernels.emit import Expr
from host.kernels.feature_map import FeatureMap


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
    """

    target: FeatureMap
    result: Expr
    relu: bool
    multiplier: Expr | None = None
    addend: Expr | None = None

    @property
    def fused(self) -> bool:
        return self.addend is not None


@dataclass(frozen=True)
class PixelSums:
    """The sums of one pixel, a vector of output channels each.

    Attributes:
        place: index in the target of the first channel.
        vectors: the sums; the last vector may be half as wide.
    """

    place: Expr
    vectors: Sequence[Expr]
