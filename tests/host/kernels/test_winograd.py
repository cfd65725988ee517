from __future__ import annotations

import platform
from dataclasses import replace

import numpy as np
import pytest
import tvm
from numpy.typing import NDArray

from host.kernels.conv import conv
from host.kernels.feature_map import FeatureMap
from host.kernels.pack import pack_vector, pack_weight
from host.kernels.registry import FLOAT32, INT8, INT8_WEIGHTS
from host.kernels.shape import ConvShape, Tile
from host.kernels.tile import default_tile
from host.kernels.winograd import PAIRS, applicable, pays, transform_weight
from host.lower.tuned import Record, describe_tile
from host.lower.workload import Workload
from host.tune.search import search
from host.tune.workload import schemes
from tests.host.kernels.kernel_cases import convolve, from_memory, round_up, to_memory

# What is written in assembly runs in `test_kernels_emulated`, and here on an ARM machine.
FAMILIES = [name for name, f in FLOAT32.items() if f.by_element is None or platform.machine() == "aarch64"]


def line_shape(
    cin: int, cout: int, height: int, width: int, kernel: tuple[int, int] = (3, 1), name: str = "avx512"
) -> ConvShape:
    """A padded convolution of that output size."""
    microkernel = FLOAT32[name]
    pad = (kernel[0] // 2, kernel[1] // 2)
    source = FeatureMap(height, width, cin, stored=round_up(cin, microkernel.block), dtype="float32", pad=pad)
    target = FeatureMap(
        height, width, cout, stored=round_up(cout, microkernel.block), dtype="float32", pad=(1, 1)
    )
    return ConvShape(kernel=kernel, source=source, target=target, relu=False)


def outputs(
    shape: ConvShape, name: str, tile: Tile, x: NDArray[np.float32], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What the kernel makes of *x* [C,H,W] and a bias of 0, 1, 2, …; [stored, H + 2, W + 2]."""
    microkernel = FLOAT32[name]
    bias = np.arange(shape.target.channels, dtype=np.float32)
    arrays = (
        to_memory(x, shape.source),
        pack_weight(weight, shape, microkernel, tile),
        pack_vector(bias, shape, microkernel, tile),
        np.full(shape.target.shape, np.nan, np.float32),
    )
    module = tvm.compile(tvm.IRModule({"k": conv("k", shape, microkernel, tile)}), target="llvm").jit()
    tensors = [tvm.runtime.tensor(a) for a in arrays]
    module["k"](*tensors)
    return from_memory(tensors[-1].numpy(), shape.target)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("seed", range(6))
def test_random_shapes_match_numpy(name, seed) -> None:
    rng = np.random.default_rng(seed)
    cin, cout, height, width = (int(n) for n in rng.integers((1, 1, 1, 1), (40, 70, 16, 30)))
    kernel = ((3, 1), (1, 3))[seed % 2]
    shape = line_shape(cin, cout, height, width, kernel, name)
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
    actual = outputs(shape, name, tile, x, weight)
    np.testing.assert_allclose(actual[:cout, 1:-1, 1:-1], expected, atol=1e-5 * np.abs(expected).max())
    assert not actual[:, [0, -1]].any()
    assert not actual[:, :, [0, -1]].any()
    assert not actual[cout:].any()


@pytest.mark.parametrize("m, limit", [(4, 8e-7), (6, 2e-6)])
def test_error_is_as_documented(m, limit) -> None:
    rng = np.random.default_rng(0)
    shape = line_shape(64, 64, 12, 12)
    x = np.maximum(rng.standard_normal((64, 12, 12), np.float32), 0)
    weight = rng.standard_normal((64, 64, 3, 1), np.float32)
    actual = outputs(shape, "avx512", Tile(4, 2, scheme=m), x, weight)[:, 1:-1, 1:-1]
    expected = convolve(x, weight, np.arange(64), (1, 0))
    assert np.sqrt(((actual - expected) ** 2).mean()) < limit * expected.std()


@pytest.mark.parametrize("m", PAIRS)
def test_a_single_tap_is_evaluated_as_its_polynomial(m) -> None:
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


class Prefers:
    """Stands for a machine where one form is the fastest."""

    name, cpu, unit = "local", "formula", "ns"

    def __init__(self, scheme: int) -> None:
        self.scheme = scheme

    def measure(self, workload, tiles, rung) -> list[float]:
        return [100 + (t.scheme != self.scheme) - t.pixels / 100 for t in tiles]


@pytest.mark.parametrize("scheme", [0, *PAIRS])
def test_search_finds_the_best_form(scheme) -> None:
    workload = Workload(line_shape(32, 32, 12, 40), FLOAT32["avx512"])
    found: Record = search(workload, Prefers(scheme))
    assert found.tile.scheme == scheme
    assert ("Winograd" in describe_tile(found.tile)) == (scheme > 0)


def test_int8_is_never_searched_for_it() -> None:
    shape = line_shape(32, 32, 12, 40)
    assert schemes(Workload(shape, INT8["avx512vnni"])) == (0,)
