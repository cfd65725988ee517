"""Register tiles: which fit, and which are promising."""

from __future__ import annotations

from host.kernels.microkernel import MicroKernel
from host.kernels.shape import ConvShape, Tile
from host.kernels.winograd import pays


def default_tile(shape: ConvShape, microkernel: MicroKernel) -> Tile:
    """A tile that fills the register file: the choice where nothing was tuned.

    Maximizes products per load, pixels·vectors / (pixels + vectors), weighed by how evenly the tile divides
    the map. F(4, 3) where it `pays`; a tile of pixels goes through all channels while their weights stay in
    the level-one cache.
    """
    scheme = 4 if pays(shape, microkernel) else 0
    total, width = shape.vectors(microkernel), shape.positions(scheme)
    weights = (scheme + 2) * shape.reduction(microkernel) * shape.target.stored * 4
    inner = not scheme or weights > 32 << 10

    def score(tile: Tile) -> float:
        pixels, vectors = tile.pixels, tile.vectors
        even = width / (-(-width // pixels) * pixels) * total / (-(-total // vectors) * vectors)
        return even * pixels * vectors / (pixels + vectors)

    microkernel = microkernel.for_source(shape.source)
    candidates = [
        Tile(pixels, vectors, pixels_inner=inner, scheme=scheme)
        for vectors in range(1, min(total, 8) + 1)
        for pixels in range(1, min(width, 16) + 1)
        if microkernel.registers_used(pixels, vectors) <= microkernel.registers
    ]
    return max(candidates, key=score)
