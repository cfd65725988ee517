"""What a convolution kernel is generated from."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from host.kernels.feature_map import FeatureMap
from host.kernels.microkernel import MicroKernel


@dataclass(frozen=True)
class Tile:
    """Register tile of a convolution: what the tuner searches.

    Attributes:
        pixels: output pixels of a row computed together (MR).
        vectors: vectors of output channels computed together (NR).
        unroll: loads of channels that the innermost loop writes out, with their products.
        pixels_inner: walk the pixels of a row for one tile of channels before the next, else the reverse.
        scheme: 0 for direct convolution, or the m of Winograd's F(m, 3). A pixel of the tile is then a
            position: m pixels of the map, made together. See `host.kernels.winograd`.
    """

    pixels: int
    vectors: int
    _: KW_ONLY
    unroll: int = 1
    pixels_inner: bool = True
    scheme: int = 0


@dataclass(frozen=True)
class Runs:
    """How one row of the kernel is read: runs of channels that lie end to end in memory.

    Attributes:
        count: how many runs: one per column of the kernel, or one in all where pixels have no unused
            channels between them.
        loads: whole loads in each.
        rest: channels after those.
    """

    count: int
    loads: int
    rest: int


@dataclass(frozen=True, kw_only=True)
class ConvShape:
    """A convolution's maps and kernel.

    Attributes:
        kernel: (height, width).
        source: the map that is read; its border is the padding.
        target: the map that is written.
        relu: negative values become 0.
        fused: sums begin at `MAGIC_BITS` and are rounded by a fused multiply-add (see
            `FusedRequantization`).
    """

    kernel: tuple[int, int]
    source: FeatureMap
    target: FeatureMap
    relu: bool
    fused: bool = False

    def vectors(self, microkernel: MicroKernel) -> int:
        """Vectors of output channels."""
        return self.target.stored // microkernel.lanes

    def positions(self, scheme: int) -> int:
        """Pixels, as `Tile.scheme` counts them, in a row of the target."""
        return -(-self.target.width // scheme) if scheme and self.kernel[0] == 1 else self.target.width

    def last_vector(self, microkernel: MicroKernel, tile: Tile) -> MicroKernel:
        """The microkernel of the last vector: half as wide where the other half would only be stored empty.

        Quantized maps are written whole vectors at a time, and Winograd's transforms compute them.
        """
        half, target = microkernel.half_width, self.target
        if half is None or tile.scheme or target.dtype != "float32":
            return microkernel
        return half if target.stored - target.channels >= microkernel.lanes - half.lanes else microkernel

    def reduction(self, microkernel: MicroKernel) -> int:
        """Input channels that are multiplied, zeros from rounding up included."""
        group = 1 if self.source.planar else microkernel.for_source(self.source).group
        return -(-self.source.channels // group) * group

    def channels_per_load(self, microkernel: MicroKernel) -> int:
        """Input channels of a pixel that are loaded together; those of a planar image are far apart."""
        return 1 if self.source.planar else microkernel.for_source(self.source).channels_per_load

    def runs(self, microkernel: MicroKernel) -> Runs:
        """How a row of the kernel is read."""
        reduction, columns = self.reduction(microkernel), self.kernel[1]
        joined = not self.source.planar and self.source.pixel == reduction
        count, length = (1, columns * reduction) if joined else (columns, reduction)
        return Runs(count, *divmod(length, self.channels_per_load(microkernel)))
