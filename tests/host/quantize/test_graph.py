from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from host.kernels.registry import INT8
from host.network.conv_graph import ConvGraph, planes, quantized_maps, run, run_quantized, walk
from host.network.int8_sums import INT16_MAX, rows_as_channels
from host.quantize.equalize import equalize_graph
from host.quantize.graph import quantize_graph
from host.quantize.layer import Options
from tests.conv_graphs import random_graph


@pytest.fixture(scope="module")
def graph() -> ConvGraph:
    return random_graph()


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    """Blotches, which all layers make something of."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 16, 3), np.uint8)
    return coarse.repeat(4, 1).repeat(4, 2)


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())


def test_quantized_graph_is_near_the_float_one(graph: ConvGraph, images: NDArray[np.uint8]) -> None:
    expected = run(graph, planes(images))
    errors = {}
    for equalize in (True, False):
        quantized = quantize_graph(graph, images, Options(equalize=equalize))
        errors[equalize] = difference(run_quantized(quantized, planes(images)), expected)
    assert errors[True] < 0.05 and errors[True] < errors[False] < 0.1


def test_equalizing_keeps_the_function(graph: ConvGraph, images: NDArray[np.uint8]) -> None:
    before = {node.name: x for node, x in walk(graph, planes(images))}
    largest = {name: x.amax((0, 2, 3)).numpy() for name, x in before.items()}
    after = {node.name: x for node, x in walk(equalize_graph(graph, largest), planes(images))}
    torch.testing.assert_close(after["out"], before["out"], rtol=1e-3, atol=1e-3)
    for together in (("d", "f"), ("c", "g")):
        tops = [(before[n].amax((0, 2, 3)), after[n].amax((0, 2, 3))) for n in together]
        alive = (tops[0][0] > 0) & (tops[1][0] > 0)
        first, second = ((old / new)[alive] for old, new in tops)
        torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-3)
        assert first.std() > 0.01


def test_maps_are_activations_and_the_output_is_not(graph: ConvGraph, images: NDArray[np.uint8]) -> None:
    quantized = quantize_graph(graph, images)
    *maps, output = quantized_maps(quantized, planes(images)).values()
    for q in maps:
        assert torch.equal(q, q.round()) and q.min() >= 0 and 100 < q.max() <= 255
    assert output.min() < 0 and not torch.equal(output, output.round())
    assert [n for n, conv in quantized.convs.items() if conv.ratio is not None] == ["f", "g"]
    assert [n for n, conv in quantized.convs.items() if conv.dequantized] == ["out"]


def test_weights_fit_the_instructions_they_are_for(graph: ConvGraph, images: NDArray[np.uint8]) -> None:
    kinds = {m.int8_sums for m in INT8.values()}
    assert {sums.fused for sums in kinds} == {True, False}
    for sums in kinds:
        for name, conv in quantize_graph(graph, images, int8_sums=sums).convs.items():
            weight = rows_as_channels(conv.weight) if name == "a" else conv.weight
            limits = sums.for_image if name == "a" else sums
            assert sums.products == 1 or limits.largest_sum(weight).max() <= INT16_MAX
            assert (conv.addend is not None) == (sums.fused and name not in ("f", "g", "out"))


def test_unknown_observer_and_no_samples_are_refused(graph: ConvGraph, images: NDArray[np.uint8]) -> None:
    with pytest.raises(FatalError, match="use min-max, percentile, mse, entropy"):
        quantize_graph(graph, images, Options("median"))
    with pytest.raises(FatalError, match="no images"):
        quantize_graph(graph, images[:0])
