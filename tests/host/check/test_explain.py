from __future__ import annotations

import pytest

from host.check.explain import explain, explain_locator
from host.network.locator import find_graph, refine_graph
from host.network.simplify import simplify
from host.network.work import published_work, simplified_work
from host.targets.read import load_target
from lprnet.locator.checkpoint import load_weights
from lprnet.network.checkpoint import Checkpoint, load_checkpoint
from lprnet.weights import DEFAULT, LOCATOR


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(DEFAULT)


def test_simplification_is_visible(checkpoint: Checkpoint) -> None:
    network = simplify(checkpoint)
    before, after = published_work(checkpoint), simplified_work(network)
    assert before.operations["conv2d"] == after.operations["convolution"] == 16
    assert before.operations["batch_norm"] > 0
    # The head runs once over the mean of four rows; the rest is the same work.
    assert before.macs - after.macs == 3 * network.macs_of(network.head)
    assert after.parameters < before.parameters


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_kernels_are_listed_with_their_cost(checkpoint: Checkpoint, precision: str) -> None:
    explanation = explain(checkpoint, load_target("native"), precision)
    network = simplify(checkpoint)
    kernels = {kernel.name: kernel for kernel in explanation.kernels}
    convolutions = [kernel for kernel in explanation.kernels if kernel.macs]
    assert [kernel.name for kernel in convolutions] == [
        layer.name.replace(".", "_") for layer in (*network.convs, network.head)
    ]
    assert sum(kernel.macs for kernel in explanation.kernels) == network.macs
    weight = network.convs[-1].weight.size * {"fp32": 4, "int8": 1}[precision]
    assert weight <= kernels["tall"].constants < 1.2 * weight
    assert explanation.microkernel.startswith(precision)
    shares = []
    for kernel in explanation.kernels:
        assert kernel.cost is not None and kernel.cost > 0
        if kernel.macs:
            assert kernel.peak_share is not None
            peak = explanation.peaks[kernel.workload.split()[0]]
            assert kernel.peak_share == pytest.approx(kernel.macs / kernel.cost / peak)
            shares.append(kernel.peak_share)
    assert explanation.peak_share is not None
    assert min(shares) < explanation.peak_share < max(shares)


def test_the_locators_kernels_are_listed_for_one_size() -> None:
    model = load_weights(LOCATOR)
    explanation = explain_locator(model, load_target("native"), "fp32")
    graphs = (find_graph(model), refine_graph(model))
    convolutions = [kernel for kernel in explanation.kernels if kernel.macs]
    assert [kernel.name for kernel in convolutions] == [
        f"{graph.name}_{node.name}" for graph in graphs for node in graph.nodes
    ]
    assert explanation.simplified.macs == sum(graph.macs for graph in graphs)
    assert sum(kernel.macs for kernel in explanation.kernels) == explanation.simplified.macs
    assert all(kernel.cost and kernel.moved for kernel in explanation.kernels)
