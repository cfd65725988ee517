from __future__ import annotations

import pytest

from host.kernels.microkernel import MicroKernel
from host.kernels.registry import FLOAT32, INT8
from host.lower.memory import feature_maps
from host.network.graph import Conv, Network
from host.network.simplify import simplify
from tests.checkpoints import NARROW, random_checkpoint


@pytest.fixture(scope="module")
def network() -> Network:
    return simplify(random_checkpoint(widths=NARROW))


@pytest.mark.parametrize("microkernel", [FLOAT32["avx512"], INT8["neon"]], ids=lambda m: m.name)
def test_maps_are_stored_as_the_next_layer_reads_them(network: Network, microkernel: MicroKernel) -> None:
    maps = feature_maps(network, microkernel)
    for layer, following in zip(network.layers[:-1], network.layers[1:], strict=True):
        stored = maps[layer.name]
        assert stored.pad == (following.padding if isinstance(following, Conv) else (0, 0))
        assert stored.dtype == microkernel.activation
        assert stored.stored % microkernel.block == 0
        assert stored.channels <= stored.stored < stored.channels + microkernel.block
    # Only a context reads it.
    assert maps[network.layers[-1].name].dtype == "float32"


def test_an_image_is_read_as_it_comes_or_as_bytes(network: Network) -> None:
    assert feature_maps(network, FLOAT32["neon"])["input"].planar
    image = feature_maps(network, INT8["neon"])["input"]
    assert (image.pitch, image.dtype) == (4, "int8")
