from __future__ import annotations

import numpy as np
import pytest
import torch

from host.network.conv_graph import planes, run
from host.network.locator import find_graph, refine_graph
from lprnet import weights
from lprnet.locator.checkpoint import load_weights
from lprnet.locator.network import FIND, REFINE, SCALE, LocatorNet, input_of, multiply_accumulates


@pytest.fixture(scope="module")
def model() -> LocatorNet:
    return load_weights(weights.LOCATOR)


def test_they_compute_what_pytorch_does(model: LocatorNet) -> None:
    cases = (
        (find_graph(model), model.find, FIND, (64, 96)),
        (refine_graph(model), model.refine, REFINE, (64, 128)),
    )
    for graph, network, layers, size in cases:
        image = np.random.default_rng(0).integers(0, 256, (1, *size, 3), np.uint8)
        with torch.no_grad():
            expected = network(input_of(torch.from_numpy(image)))
        torch.testing.assert_close(run(graph, planes(image)), expected, rtol=1e-3, atol=1e-2)
        assert graph.macs == multiply_accumulates(layers, graph.height, graph.width)
    assert np.log2(SCALE) % 1 == 0


def test_only_the_first_takes_inputs_of_any_size(model: LocatorNet) -> None:
    find, refine = find_graph(model), refine_graph(model)
    assert find.area and find.height * find.width <= find.area
    assert (find.grid, find.stride) == (32, 8)
    assert refine.area is None
    assert (refine.height, refine.width, refine.stride) == (64, 128, 4)
