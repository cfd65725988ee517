"""Register tiles: which fit, and which are promising."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from host.kernels import arm_assembly as neon
from host.kernels import winograd
from host.kernels.conv import assembly_path
from host.kernels.extent import least
from host.kernels.microkernel import MicroKernel
from host.kernels.shape import ConvShape, Tile

MOST_PIXELS, MOST_VECTORS = 24, 12
"""Of a tile; kernels of larger ones only take longer to compile."""
LEVEL_ONE_CACHE = 32 << 10
"""Bytes that every CPU here has."""


def default_tile(shape: ConvShape, microkernel: MicroKernel) -> Tile:
    """The choice where nothing was tuned: the most promising tile that leaves LLVM room to schedule.

    F(4, 3) where it `pays`. A tile of pixels goes through all channels while their weights stay in the
    level-one cache.
    """
    scheme = 4 if winograd.pays(shape, microkernel) else 0
    weights = (scheme + 2) * shape.reduction(microkernel) * shape.target.stored * 4
    inner = not scheme or weights > LEVEL_ONE_CACHE
    microkernel = microkernel.for_source(shape.source)
    tile = next(
        tile
        for tile in candidates(shape, microkernel, scheme)
        if microkernel.registers_used(tile.pixels, tile.vectors) <= microkernel.registers
    )
    return replace(tile, pixels_inner=inner)


def candidates(shape: ConvShape, microkernel: MicroKernel, scheme: int) -> list[Tile]:
    """All tiles of *scheme* that `fit`, the most promising first; not unrolled.

    Promising is how many products there are for a load, pixels · vectors / (pixels + vectors), times the
    share of them that counts where tiles reach beyond the map.
    """
    widths, total = shape.positions(scheme), shape.vectors(microkernel)

    def promise(tile: Tile) -> float:
        pixels, vectors = tile.pixels, tile.vectors
        across = fmean(width / (-(-width // pixels) * pixels) for width in widths)
        even = across * total / (-(-total // vectors) * vectors)
        return even * pixels * vectors / (pixels + vectors)

    narrowest = min(*widths, least(shape.width))
    tiles = [
        Tile(pixels, vectors, scheme=scheme)
        for vectors in range(1, min(total, MOST_VECTORS) + 1)
        for pixels in range(1, min(narrowest, MOST_PIXELS) + 1)
    ]
    return sorted((t for t in tiles if fits(shape, microkernel, t)), key=promise, reverse=True)


def fits(shape: ConvShape, microkernel: MicroKernel, tile: Tile) -> bool:
    """Whether the sums of a tile and what is multiplied at a time stay in registers.

    LLVM keeps one operand of the products there, that of the fewer registers, and streams the other. Tiles in
    assembly keep a register of every pixel's activations, and some weights.
    """
    microkernel = microkernel.for_source(shape.source)
    if microkernel.by_element:
        path = (
            winograd.assembly_path(shape, microkernel, tile)
            if tile.scheme
            else assembly_path(shape, microkernel)
        )
        if path:
            return neon.fits(tile.pixels, tile.vectors, path)
    sums = microkernel.partial_sums * tile.pixels * tile.vectors
    return sums + min(tile.pixels, tile.vectors) < microkernel.registers
