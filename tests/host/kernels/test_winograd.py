"""Winograd convolutions against numpy, on this CPU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from host.kernels.conv import conv
from host.kernels.microkernel import MicroKernel
from host.kernels.registry import FLOAT32, INT8, INT8_WEIGHTS
from host.kernels.shape import ConvShape, Tile
from host.kernels.tile import default_tile
from host.kernels.winograd import PAIRS, applicable, pays, transform_weight
from tests.host.kernels.kernel_cases import (
    RUN_HERE,
    Array,
    ConvCase,
    border,
    convolve,
    from_memory,
    operands,
    run,
)


def line_shape(
    cin: int,
    cout: int,
    height: int,
    width: int,
    kernel: tuple[int, int] = (3, 1),
    microkernel: MicroKernel = FLOAT32["avx512"],
) -> ConvShape:
    """A padded convolution of that output size."""
    pad = (kernel[0] // 2, kernel[1] // 2)
    case = ConvCase(kernel=kernel, channels=(cin, cout), size=(height, width), pad=pad)
    return case.shape(microkernel, relu=False)


def outputs(
    shape: ConvShape, microkernel: MicroKernel, tile: Tile, x: Array, weight: NDArray[np.float32]
) -> Array:
    """What the kernel makes of *x* [C,H,W] and a bias of 0, 1, 2, …; [stored, H + 2, W + 2]."""
    bias = np.arange(shape.target.channels, dtype=np.float32)
    arguments = operands(shape, microkernel, tile, x, weight, bias)
    arguments[-1][:] = np.nan
    *_, out = run(conv("k", shape, microkernel, tile), *arguments)
    return from_memory(out, shape.target)


@pytest.mark.parametrize("microkernel", RUN_HERE, ids=lambda m: m.name)
@pytest.mark.parametrize("seed", range(6))
def test_random_shapes_match_numpy(microkernel: MicroKernel, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cin, cout, height, width = (int(n) for n in rng.integers((1, 1, 1, 1), (40, 70, 16, 30)))
    kernel = ((3, 1), (1, 3))[seed % 2]
    shape = line_shape(cin, cout, height, width, kernel, microkernel)
    tile = Tile(
        int(rng.integers(1, 8)),
        int(rng.integers(1, 5)),
        unroll=int(rng.integers(1, 4)),
        pixels_inner=bool(seed & 2),
        scheme=int(rng.choice(list(PAIRS))),
    )
    x = rng.standard_normal((cin, height, width), np.float32)
    weight = rng.standard_normal((cout, cin, *kernel), np.float32)
    expected = convolve(x, weight, np.arange(cout), shape.source.pad)
    actual = outputs(shape, microkernel, tile, x, weight)
    np.testing.assert_allclose(actual[:cout, 1:-1, 1:-1], expected, atol=1e-5 * np.abs(expected).max())
    assert not border(actual).any()
    assert not actual[cout:].any()


@pytest.mark.parametrize("m, limit", [(4, 8e-7), (6, 2e-6)])
def test_error_is_as_documented(m: int, limit: float) -> None:
    rng = np.random.default_rng(0)
    shape = line_shape(64, 64, 12, 12)
    x = np.maximum(rng.standard_normal((64, 12, 12), np.float32), 0)
    weight = rng.standard_normal((64, 64, 3, 1), np.float32)
    actual = outputs(shape, FLOAT32["avx512"], Tile(4, 2, scheme=m), x, weight)[:, 1:-1, 1:-1]
    expected = convolve(x, weight, np.arange(64), (1, 0))
    assert np.sqrt(((actual - expected) ** 2).mean()) < limit * expected.std()


@pytest.mark.parametrize("m", PAIRS)
def test_a_single_tap_is_evaluated_as_its_polynomial(m: int) -> None:
    """The last tap alone is x², the first 1, times the same factor at every finite point."""
    first, middle, last = transform_weight(np.eye(3, dtype=np.float32).reshape(3, 1, 3, 1), m)[:, 0, :, 0]
    points = np.array([0, *(a for p in PAIRS[m] for a in (p, -p))])
    np.testing.assert_allclose(middle[:-1], first[:-1] * points, rtol=1e-6)
    np.testing.assert_allclose(last[:-1], first[:-1] * points**2, rtol=1e-6)
    assert (first[-1], middle[-1], last[-1]) == (0, 0, 1)


def test_only_lines_of_three_in_fp32() -> None:
    shape, microkernel = line_shape(32, 32, 8, 8), FLOAT32["avx512"]
    assert applicable(shape, microkernel)
    assert applicable(replace(shape, kernel=(1, 3)), microkernel)
    assert not applicable(replace(shape, kernel=(3, 3)), microkernel)
    assert not applicable(replace(shape, kernel=(1, 4)), microkernel)
    assert not applicable(shape, INT8["avx512vnni"])
    assert not applicable(shape, INT8_WEIGHTS["avx512"])


def test_default_is_direct_where_it_does_not_pay() -> None:
    microkernel = FLOAT32["avx512"]
    large, thin, flat = line_shape(64, 64, 8, 8), line_shape(4, 64, 8, 8), line_shape(64, 64, 3, 8)
    assert [pays(s, microkernel) for s in (large, thin, flat)] == [True, False, False]
    assert [default_tile(s, microkernel).scheme for s in (large, thin, flat)] == [4, 0, 0]
    assert default_tile(line_shape(64, 64, 8, 3, (1, 3)), microkernel).scheme == 0
