from __future__ import annotations

import numpy as np
import torch

from host.network.conv_graph import planes, run
from host.network.locator import locator_graphs
from lprnet import weights
from lprnet.locator.checkpoint import load_weights
from lprnet.locator.network import FIND, SCALE, multiply_accumulates


def test_it_computes_what_pytorch_does() -> None:
    model = load_weights(weights.LOCATOR)
    (graph,) = locator_graphs(model)
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3), np.uint8)
    with torch.no_grad():
        expected = model.find(planes(image) * SCALE)
    torch.testing.assert_close(run(graph, planes(image)), expected, rtol=1e-3, atol=1e-2)
    assert graph.macs == multiply_accumulates(FIND, graph.height, graph.width)
    assert graph.macs_of(graph.nodes[0], 64, 96) == 27 * 8 * 32 * 48
    assert graph.area and graph.height * graph.width <= graph.area
    assert graph.grid == 32 and graph.stride == 8
    assert np.log2(SCALE) % 1 == 0
