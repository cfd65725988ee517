"""What a convolution kernel is generated from."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from host.kernels.emit import Expr
from host.kernels.extent import quotient, usual
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
        source: the map that is read.
        target: the map that is written.
        relu: negative values become 0.
        fused: sums begin at `MAGIC_BITS` and are rounded by a fused multiply-add (see
            `FusedRequantization`).
        stride: from one pixel to the next, down and right.
        padding: pixels outside the source that count, on both sides of (H, W), no more than its border; None
            for all of the border.
        added: a map as large as the target, which is twice as high and wide as what is computed. That is
            repeated to 2 × 2 pixels and added to this map.
    """

    kernel: tuple[int, int]
    source: FeatureMap
    target: FeatureMap
    relu: bool
    fused: bool = False
    stride: int = 1
    padding: tuple[int, int] | None = None
    added: FeatureMap | None = None

    @property
    def pad(self) -> tuple[int, int]:
        """Pixels outside the source that count."""
        return self.source.pad if self.padding is None else self.padding

    @property
    def height(self) -> Expr:
        """Rows that are computed."""
        return quotient(self.target.height, 2) if self.added else self.target.height

    @property
    def width(self) -> Expr:
        """Pixels that are computed in each."""
        return quotient(self.target.width, 2) if self.added else self.target.width

    @property
    def variables(self) -> list[Expr]:
        """What heights and widths are multiples of."""
        return list(dict.fromkeys(self.source.variables + self.target.variables))

    def vectors(self, microkernel: MicroKernel) -> int:
        """Vectors of output channels."""
        return -(-self.target.stored // microkernel.lanes)

    def computed(self, microkernel: MicroKernel, tile: Tile) -> int:
        """Output channels that there are weights for."""
        unused = microkernel.lanes - self.last_vector(microkernel, tile).lanes
        return self.vectors(microkernel) * microkernel.lanes - unused

    def positions(self, scheme: int) -> tuple[int, ...]:
        """Pixels, as `Tile.scheme` counts them, that a row of what is computed usually has."""
        across = scheme if scheme and self.kernel[0] == 1 else 1
        return tuple(-(-width // across) for width in usual(self.width))

    def last_vector(self, microkernel: MicroKernel, tile: Tile) -> MicroKernel:
        """The microkernel of the last vector: half as wide where the other half would only be stored empty,
        or not be stored.

        Quantized maps are written whole vectors at a time, and Winograd's transforms compute them.
        """
        half, target = microkernel.half_width, self.target
        if half is None or tile.scheme:
            return microkernel
        if target.stored % microkernel.lanes:
            return half
        if target.dtype != "float32":
            return microkernel
        return half if target.stored - target.channels >= microkernel.lanes - half.lanes else microkernel

    def reduction(self, microkernel: MicroKernel) -> int:
        """Input channels that are multiplied, zeros from rounding up included."""
        group = 1 if self.source.planar else microkernel.for_source(self.source).group
        return -(-self.source.channels // group) * group

    def channels_per_load(self, microkernel: MicroKernel) -> int:
        """Input channels of a pixel that are loaded together; those of a planar image are far apart."""
        return 1 if self.source.planar else microkernel.for_source(self.source).channels_per_load

    def dense(self, microkernel: MicroKernel) -> bool:
        """Whether only a row of the kernel is rounded up to whole groups of channels, not every pixel."""
        source = self.source
        rounded = self.reduction(microkernel) != source.channels
        return rounded and not source.planar and source.pixel == source.channels

    def runs(self, microkernel: MicroKernel) -> Runs:
        """How a row of the kernel is read."""
        reduction, columns = self.reduction(microkernel), self.kernel[1]
        if self.dense(microkernel):
            group = microkernel.for_source(self.source).group
            count, length = 1, -(-columns * self.source.channels // group) * group
        elif not self.source.planar and self.source.pixel == reduction:
            count, length = 1, columns * reduction
        else:
            count, length = columns, reduction
        return Runs(count, *divmod(length, self.channels_per_load(microkernel)))

    def products(self, microkernel: MicroKernel) -> int:
        """Of an output, those with zeros from rounding up included."""
        runs = self.runs(microkernel)
        in_run = runs.loads * self.channels_per_load(microkernel) + runs.rest
        return self.kernel[0] * runs.count * in_run
