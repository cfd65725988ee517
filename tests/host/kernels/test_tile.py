"""Which register tiles are offered, and which is chosen where nothing was tuned."""

from __future__ import annotations

import pytest

from host.kernels import arm_assembly, conv, winograd
from host.kernels.feature_map import FeatureMap
from host.kernels.microkernel import MicroKernel
from host.kernels.registry import BFLOAT16, FLOAT16, FLOAT32, INT8, INT8_WEIGHTS
from host.kernels.shape import ConvShape, Tile
from host.kernels.tile import candidates, default_tile, fits

MICROKERNELS = [*FLOAT32.values(), *FLOAT16.values(), BFLOAT16, *INT8.values(), *INT8_WEIGHTS.values()]
BY_ELEMENT = [m for m in MICROKERNELS if m.by_element]


def shape(microkernel: MicroKernel, vectors: int = 16, width: int = 24, planar: bool = False) -> ConvShape:
    """A 3×1 convolution with many channels, or one of an image."""
    source = (
        FeatureMap(12, width, 3, stored=3, dtype="float32", planar=True)
        if planar
        else FeatureMap(12, width, 64, stored=64, dtype=microkernel.activation, pad=(1, 0))
    )
    channels = vectors * microkernel.lanes
    target = FeatureMap(12, width, channels, stored=channels, dtype=microkernel.activation)
    return ConvShape(kernel=(3, 1), source=source, target=target, relu=True)


def schemes(shape: ConvShape, microkernel: MicroKernel) -> tuple[int, ...]:
    return (0, *winograd.PAIRS) if winograd.applicable(shape, microkernel) else (0,)


@pytest.mark.parametrize("microkernel", BY_ELEMENT, ids=lambda m: m.name)
def test_every_candidate_of_a_by_element_microkernel_is_computed_in_assembly(
    microkernel: MicroKernel,
) -> None:
    s = shape(microkernel)
    for scheme in schemes(s, microkernel):
        tiles = candidates(s, microkernel, scheme)
        assert len(tiles) > 50
        for tile in tiles:
            path = (
                winograd.assembly_path(s, microkernel, tile) if scheme else conv.assembly_path(s, microkernel)
            )
            assert path is not None
            assert arm_assembly.fits(tile.pixels, tile.vectors, path), tile


def test_a_planar_image_is_not_read_in_assembly_and_may_have_larger_tiles() -> None:
    microkernel = FLOAT32["neon"]
    assert not fits(shape(microkernel), microkernel, Tile(8, 3))
    assert fits(shape(microkernel, planar=True), microkernel, Tile(8, 3))


@pytest.mark.parametrize("microkernel", MICROKERNELS, ids=lambda m: m.name)
def test_sums_and_an_operand_of_their_products_stay_in_registers(microkernel: MicroKernel) -> None:
    s = shape(microkernel)
    for scheme in schemes(s, microkernel):
        tiles = candidates(s, microkernel, scheme)
        assert len(set(tiles)) == len(tiles)
        for tile in tiles:
            sums = microkernel.for_source(s.source).partial_sums * tile.pixels * tile.vectors
            assert sums + min(tile.pixels, tile.vectors) < microkernel.registers, tile
            assert (tile.unroll, tile.scheme) == (1, scheme)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("microkernel", MICROKERNELS, ids=lambda m: m.name)
def test_the_default_is_a_candidate(microkernel: MicroKernel, planar: bool) -> None:
    for vectors, width in ((1, 1), (1, 30), (3, 7), (16, 24)):
        s = shape(microkernel, vectors, width, planar)
        tile = default_tile(s, microkernel)
        found = [(t.pixels, t.vectors) for t in candidates(s, microkernel, tile.scheme)]
        assert (tile.pixels, tile.vectors) in found


def test_a_promising_tile_divides_the_map() -> None:
    microkernel = FLOAT32["avx512"]
    first, *_ = candidates(shape(microkernel, vectors=4, width=5), microkernel, 0)
    assert (first.pixels, first.vectors) == (5, 4)
