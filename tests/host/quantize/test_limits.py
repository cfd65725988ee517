"""Ranges with which a graph's output is least wrong."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from host.network.conv_graph import planes, run, run_quantized, walk
from host.quantize.graph import quantize_graph
from host.quantize.limits import SHARES, OutputError, least_wrong
from tests.conv_graphs import random_graph

GRAPH = random_graph()


def images() -> Tensor:
    """Eight dull pictures and a bright one."""
    dull = np.random.default_rng(0).integers(0, 40, (9, 8, 16, 3), np.uint8)
    dull[8] *= 6
    return planes(dull.repeat(4, 1).repeat(4, 2))


OUTPUT = run(GRAPH, images())


def error_of(bright: bool) -> OutputError:
    """Squared, of the pictures whose exact output is large, or of the others."""

    def error(output: Tensor, exact: Tensor) -> Tensor:
        large = exact.std((1, 2, 3)) > 0.5 * OUTPUT[8].std()
        return (output - exact).square().sum((1, 2, 3)) * (large == bright)

    return error


def test_what_makes_large_activations_is_clipped_only_where_it_does_not_count() -> None:
    largest = {node.name: float(x.max()) for node, x in walk(GRAPH, images())}
    bright, dull = (least_wrong(GRAPH, images(), error) for error in map(error_of, (True, False)))
    assert list(bright) == [node.name for node in GRAPH.nodes[:-1]]
    for name, limit in dull.items():
        assert limit / largest[name] < SHARES[-1] + 1e-6
        assert bright[name] / largest[name] > SHARES[-2] - 1e-6


def test_outputs_are_nearer_where_they_count() -> None:
    samples, bright = images().permute(0, 2, 3, 1).numpy().astype(np.uint8), error_of(True)
    errors = [
        float(bright(run_quantized(quantize_graph(GRAPH, samples, error=error), images()), OUTPUT).sum())
        for error in (None, bright)
    ]
    assert errors[1] < errors[0]
