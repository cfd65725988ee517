"""What a convolution kernel is generated from."""

from __future__ import annotations

from dataclasses import dataclass

from host.kernels.feature_map import FeatureMap
from host.kernels.microkernel import MicroKernel


@dataclass(frozen=True)
class Tile:
    """Register tile of a convolution: what the tuner searches.

    Attributes:
        pixels: output pixels of a row computed together (MR).
        vectors: vectors of output channels computed together (NR).
        unroll: reduction steps written out in the innermost loop.
        pixels_inner: walk the pixels of a row for one tile of channels before the next, else the reverse.
        winograd: outputs m made together by Winograd's F(m, 3), or 0 for direct convolution; a pixel of the
            tile is then m pixels of the map. See `host.kernels.winograd`.
    """

    pixels: int
    vectors: int
    unroll: int = 1
    pixels_inner: bool = True
    winograd: int = 0


@dataclass(frozen=True)
class ConvShape:
    """What a convolution kernel is generated from.

    Attributes:
        fused: sums begin at `MAGIC_BITS` and are rounded by a fused multiply-add (see `Rounding`).
    """

    kernel: tuple[int, int]
    source: FeatureMap
    target: FeatureMap
    relu: bool
    fused: bool = False

    def vectors(self, microkernel: MicroKernel) -> int:
        return self.target.stored // microkernel.lanes

    def positions(self, winograd: int) -> int:
        """Pixels of a tile in a row of the target; where *winograd*, one is that many pixels of the map."""
        return -(-self.target.width // winograd) if winograd and self.kernel[0] == 1 else self.target.width

    def last(self, microkernel: MicroKernel, tile: Tile) -> MicroKernel:
        """The microkernel of the last vector: half as wide where the other half would only be stored empty.

        Quantized maps are written whole vectors at a time, and Winograd's transforms compute them.
        """
        half, target = microkernel.half_width, self.target
        if half is None or tile.winograd or target.dtype != "float32":
            return microkernel
        return half if target.stored - target.channels >= microkernel.lanes - half.lanes else microkernel

    def reduction(self, microkernel: MicroKernel) -> int:
        """Input channels that are multiplied, zeros from rounding up included."""
        group = 1 if self.source.planar else microkernel.for_source(self.source).group
        return -(-self.source.channels // group) * group

    def step(self, microkernel: MicroKernel) -> int:
        """Input channels fetched together; the channels of a planar image are far apart."""
        return 1 if self.source.planar else microkernel.for_source(self.source).step

    def runs(self, microkernel: MicroKernel) -> tuple[int, int, int]:
        """How one row of the kernel is read: runs of channels that lie end to end in memory.

        Their number, the whole steps in each, and the channels after those. Pixels without unused channels
        between them are one run.
        """
        reduction, columns = self.reduction(microkernel), self.kernel[1]
        joined = not self.source.planar and self.source.pixel == reduction
        runs, length = (1, columns * reduction) if joined else (columns, reduction)
        return runs, *divmod(length, self.step(microkernel))
