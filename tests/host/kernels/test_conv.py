"""Direct convolutions of fp32 against numpy, on this CPU."""

from __future__ import annotations

import numpy as np
import pytest

from host.kernels.conv import assembly_path, conv
from host.kernels.feature_map import FeatureMap
from host.kernels.microkernel import MicroKernel
from host.kernels.registry import FLOAT32
from host.kernels.shape import ConvShape, Tile
from host.kernels.tile import default_tile
from tests.host.kernels.kernel_cases import (
    CONVS,
    RUN_HERE,
    ConvCase,
    border,
    convolve,
    from_memory,
    operands,
    run,
)

LARGE = ConvCase(kernel=(3, 3), channels=(3, 64), size=(24, 94))
"""As large as the image."""


@pytest.mark.parametrize("microkernel", RUN_HERE, ids=lambda m: m.name)
@pytest.mark.parametrize("case", [LARGE, *CONVS], ids=str)
@pytest.mark.parametrize("tile", [None, Tile(5, 2, unroll=2, pixels_inner=False), Tile(4, 3)], ids=str)
def test_conv_computes_what_numpy_does(microkernel: MicroKernel, case: ConvCase, tile: Tile | None) -> None:
    rng, (cin, cout) = case.rng, case.channels
    shape = case.shape(microkernel)
    tile = tile or default_tile(shape, microkernel)
    x = rng.standard_normal((cin, *case.size), np.float32)
    weight = rng.standard_normal((cout, cin, *case.kernel), np.float32)
    bias = rng.standard_normal(cout, np.float32)
    arguments = operands(shape, microkernel, tile, x, weight, bias)
    arguments[-1][:] = np.nan
    *_, out = run(conv("k", shape, microkernel, tile), *arguments)
    expected = np.maximum(convolve(x, weight, bias, case.pad), 0)
    actual = from_memory(out, shape.target)
    np.testing.assert_allclose(actual[:cout, 1:-1, 1:-1], expected, atol=2e-4)
    assert not border(actual).any()
    assert not actual[cout:].any()


@pytest.mark.parametrize("microkernel", FLOAT32.values(), ids=lambda m: m.name)
@pytest.mark.parametrize("tile", [Tile(6, 2), Tile(9, 3, unroll=3), Tile(3, 1)], ids=str)
def test_conv_reads_a_planar_image(microkernel: MicroKernel, tile: Tile) -> None:
    rng = np.random.default_rng(7)
    source = FeatureMap(9, 23, 3, stored=3, dtype="float32", planar=True)
    target = FeatureMap(7, 21, 64, stored=64, dtype="float32")
    shape = ConvShape(kernel=(3, 3), source=source, target=target, relu=False)
    x = rng.standard_normal((1, 3, 9, 23), np.float32)
    weight = rng.standard_normal((64, 3, 3, 3), np.float32)
    bias = rng.standard_normal(64, np.float32)
    arguments = operands(shape, microkernel, tile, x, weight, bias)
    arguments[-1][:] = np.nan
    *_, out = run(conv("k", shape, microkernel, tile), *arguments)
    expected = convolve(x[0], weight, bias, (0, 0))
    np.testing.assert_allclose(from_memory(out, target), expected, atol=2e-5)


def test_assembly_reads_pixels_that_lie_apart_but_no_planar_image() -> None:
    microkernel = FLOAT32["neon"]
    shape = ConvCase(kernel=(3, 3), channels=(9, 5), size=(4, 9)).shape(microkernel)
    path = assembly_path(shape, microkernel, unroll=2)
    # Nine channels are stored as twelve: two registers of four, and one of which a channel counts.
    assert path is not None
    assert (path.pixel, path.row) == (12 * 4, 9 * 12 * 4)
    assert (path.rows, path.runs, path.loads, path.rest, path.unroll) == (3, 3, 2, 1, 2)
    planar = FeatureMap(4, 9, 3, stored=3, dtype="float32", planar=True)
    image = ConvShape(kernel=(3, 3), source=planar, target=shape.target, relu=True)
    assert assembly_path(image, microkernel) is None
