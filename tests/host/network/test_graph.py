from __future__ import annotations

import itertools

import pytest
import torch

from host.network.graph import Context, Conv, MaxPool, Network, activate, context, maxima, pool, run, walk
from host.network.simplify import simplify
from tests.checkpoints import random_checkpoint


@pytest.fixture(scope="module")
def network() -> Network:
    return simplify(random_checkpoint())


def test_walk_gives_every_map_in_the_size_that_shapes_says(network: Network) -> None:
    maps = {layer.name: x for layer, x in walk(network, torch.rand(1, 3, 24, 94))}
    assert list(maps) == [layer.name for layer in network.layers]
    for name, x in maps.items():
        shape = network.shapes[name]
        assert x.shape == (1, shape.channels, shape.height, shape.width), name


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_maxima_are_what_torchs_pool_computes(stride: int, dtype: torch.dtype) -> None:
    torch.manual_seed(stride)
    for width in range(5, 12):
        x, layer = torch.randn(2, 4, 5, width).to(dtype), MaxPool("pool", 3, stride)
        assert torch.equal(maxima(layer, x), pool(layer, x))


def test_a_context_is_read_in_the_units_of_its_map() -> None:
    """Channels that count in other units give the same context when it is told what a unit is worth."""
    torch.manual_seed(0)
    x, scale = torch.rand(2, 3, 10, 40), torch.tensor([0.5, 2.0, 4.0])
    pool = Context("any", (4, 10), (2, 5))
    torch.testing.assert_close(context(pool, x / scale[:, None, None], scale), context(pool, x))


def test_what_is_stored_is_what_the_next_layer_reads(network: Network) -> None:
    image = torch.rand(1, 3, 24, 94)
    read: dict[str, torch.Tensor] = {}
    last = network.convs[-1].name

    def conv(layer: Conv, x: torch.Tensor) -> torch.Tensor:
        read[layer.name] = x
        y = activate(layer, x)
        return y if layer.name == last else y.bfloat16().float()

    outputs = list(walk(network, image, conv))
    for (before, x), (layer, _) in itertools.pairwise(outputs):
        if not isinstance(layer, MaxPool):
            assert read[layer.name] is x and torch.equal(x, x.bfloat16().float()), before.name
    halves = run(network, image, lambda x: x.bfloat16().float())
    assert not torch.equal(halves, run(network, image))
    torch.testing.assert_close(halves, run(network, image), rtol=0.1, atol=0.1)
