from __future__ import annotations

from dataclasses import replace

import pytest

from host.kernels.microkernel import MicroKernel
from host.kernels.registry import FLOAT32, INT8
from host.lower.workload import Workload, workloads
from host.network.graph import Network
from host.network.simplify import simplify
from tests.checkpoints import random_checkpoint
from tests.workloads import NEON, conv_shape


@pytest.fixture(scope="module")
def network() -> Network:
    return simplify(random_checkpoint())


def test_keys_tell_shapes_apart() -> None:
    base = conv_shape()
    others = [
        conv_shape(cin=12),
        conv_shape(cout=36),
        conv_shape(width=11),
        replace(base, relu=False),
        replace(base, kernel=(1, 3)),
        replace(base, target=replace(base.target, pad=(1, 1))),
        replace(base, target=replace(base.target, dtype="uint8")),
        replace(base, target=replace(base.target, channels=31)),
        replace(base, source=replace(base.source, planar=True)),
        replace(base, fused=True),
    ]
    keys = {Workload(s, NEON).key for s in [base, *others]} | {Workload(base, FLOAT32["avx2"]).key}
    assert len(keys) == len(others) + 2
    assert Workload(conv_shape(), NEON).key == Workload(base, NEON).key


def test_the_same_shape_with_the_other_rounding_comes_second() -> None:
    plain = Workload(conv_shape(), NEON)
    fused = Workload(replace(conv_shape(), fused=True), NEON)
    assert plain.keys == (plain.key, fused.key) and fused.keys == (fused.key, plain.key)


@pytest.mark.parametrize("microkernel", [NEON, INT8["avx2"], INT8["neon"]], ids=lambda m: m.name)
def test_the_head_computes_in_fp32(network: Network, microkernel: MicroKernel) -> None:
    found = workloads(network, microkernel)
    assert list(found) == [layer.name for layer in (*network.convs, network.head)]
    assert found["head"].microkernel == microkernel.fp32
    assert {found[layer.name].microkernel for layer in network.convs} == {microkernel}


def test_rounding_that_is_not_known_is_guessed_from_the_number_of_products(network: Network) -> None:
    fused = {name for name, found in workloads(network, INT8["avx2"]).items() if found.shape.fused}
    assert fused == {layer.name for layer in network.convs} - {"tall"}
    assert not any(found.shape.fused for found in workloads(network, NEON).values())
