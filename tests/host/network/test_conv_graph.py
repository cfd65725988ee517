from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from host.network.conv_graph import IMAGE, ConvGraph, planes, run, walk
from tests.conv_graphs import random_graph


def pixels(graph: ConvGraph, height: int | None = None, width: int | None = None) -> torch.Tensor:
    shape = (1, height or graph.height, width or graph.width, 3)
    return planes(np.random.default_rng(1).integers(0, 256, shape, np.uint8))


def test_walk_gives_every_map_in_the_size_that_shapes_says() -> None:
    graph = random_graph()
    for height, width in ((32, 64), (64, 16)):
        shapes = graph.shapes_at(height, width)
        for node, x in walk(graph, pixels(graph, height, width)):
            shape = shapes[node.name]
            assert x.shape == (1, shape.channels, shape.height, shape.width), node.name
    assert graph.grid == 16 and graph.stride == 4
    assert graph.shapes == graph.shapes_at(graph.height, graph.width)


def test_an_added_map_is_added_before_the_relu() -> None:
    graph = random_graph()
    image = pixels(graph)
    maps = {node.name: x for node, x in walk(graph, image)}
    node = next(node for node in graph.nodes if node.add)
    assert node.add
    weight, bias = torch.from_numpy(node.conv.weight), torch.from_numpy(node.conv.bias)
    sums = torch.nn.functional.conv2d(maps[node.source], weight, bias)
    added = torch.nn.functional.interpolate(sums, scale_factor=2, mode="nearest") + maps[node.add]
    assert (added < 0).any() and (sums < 0).any()
    torch.testing.assert_close(maps[node.name], added.relu())


def test_a_map_has_the_border_that_any_reader_wants() -> None:
    graph = random_graph()
    assert graph.border(IMAGE) == graph.border("d") == (1, 1)
    assert graph.border("e") == graph.border("out") == (0, 0)
    assert [node.name for node in graph.readers("d")] == ["e"]


def test_work_is_counted_before_up_sampling() -> None:
    graph = random_graph()
    macs = {node.name: graph.macs_of(node) for node in graph.nodes}
    assert macs["a"] == 9 * 3 * 8 * 16 * 32
    assert macs["f"] == 33 * 40 * 2 * 4
    assert macs["out"] == 16 * 11 * 8 * 16
    assert graph.macs == sum(macs.values())
    assert graph.macs_of(graph.nodes[0], 64, 64) == 2 * macs["a"]
    assert graph.parameters == sum(conv.weight.size + conv.bias.size for conv in graph.convs)


def test_the_output_is_as_linear_as_its_convolution() -> None:
    graph = random_graph()
    assert (run(graph, pixels(graph)) < 0).any()
    cut = replace(graph, nodes=graph.nodes[:-1])
    assert (run(cut, pixels(graph)) >= 0).all()
