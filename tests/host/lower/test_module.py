from __future__ import annotations

from dataclasses import replace

import pytest
from tvm import ir

from host.kernels.registry import FLOAT32, INT8
from host.kernels.shape import Tile
from host.kernels.tile import default_tile
from host.lower.module import ConvCall, lower
from host.lower.tuned import Record, Records
from host.lower.workload import workloads
from host.network.graph import Network
from host.network.integer import QuantizedNetwork
from host.network.simplify import simplify
from host.paths import SAMPLES
from host.quantize import quantize
from host.quantize.calibration import read_samples
from tests.checkpoints import random_checkpoint

NEON = FLOAT32["neon"]


def record(workload: str, tile: Tile) -> Record:
    return Record(
        workload=workload, tile=tile, metric=1.0, default=2.0, unit="ns", runner="local", cpu="a CPU"
    )


@pytest.fixture(scope="module")
def network() -> Network:
    return simplify(random_checkpoint())


@pytest.fixture(scope="module")
def quantized(network: Network) -> QuantizedNetwork:
    return quantize(network, read_samples(SAMPLES, 4), int8_sums=INT8["avx2"].int8_sums)


def test_kernels_are_named_in_the_order_of_their_calls(network: Network) -> None:
    lowered = lower(network, NEON)
    called = []
    for binding in lowered.module["main"].body.blocks[0].bindings:
        callee = getattr(binding.value, "args", [None])[0]
        if isinstance(callee, ir.GlobalVar):
            called.append(lowered.module[callee])
    assert len(called) == len(lowered.kernels)
    for function, kernel in zip(called, lowered.kernels, strict=True):
        assert function.attrs["global_symbol"] == kernel.function.attrs["global_symbol"]
    assert [c.name for c in lowered.convolutions] == [c.name for c in (*network.convs, network.head)]
    assert [k.name for k in lowered.kernels if not isinstance(k, ConvCall)] == (
        ["pool1", "pool2", "pool3", "context0", "context1", "context2", "context3", "contexts", "logits"]
    )


def test_tiles_are_the_records_or_the_default(network: Network) -> None:
    found = workloads(network, NEON)
    default = default_tile(found["wide"].shape, NEON)
    tile = replace(default, unroll=default.unroll + 1)
    records = Records("board", (record(found["wide"].key, tile),))
    by_name = {c.name: c for c in lower(network, NEON, records).convolutions}
    assert (by_name["wide"].tile, by_name["wide"].tuned) == (tile, True)
    assert (by_name["stem"].tile, by_name["stem"].tuned) == (default_tile(found["stem"].shape, NEON), False)


def test_an_image_of_bytes_is_a_kernel_of_integers(quantized: QuantizedNetwork) -> None:
    assert lower(quantized, INT8["avx2"]).kernels[0].name == "image"


def test_rounding_is_the_weights_and_not_a_guess(quantized: QuantizedNetwork) -> None:
    """A record for sums that are rounded otherwise serves where this kernel has none of its own."""
    conv = quantized.convs["block1.reduce"]
    assert conv.addend is not None
    unfused = replace(
        quantized, convs={**quantized.convs, "block1.reduce": replace(conv, addend=None, bias=conv.bias)}
    )
    microkernel = INT8["avx2"]
    fused, other = (workloads(q, microkernel)["block1.reduce"] for q in (quantized, unfused))
    assert fused.shape.fused and not other.shape.fused
    tile = default_tile(fused.shape, microkernel)
    slower = replace(tile, pixels=tile.pixels - 1)
    for records, tiles in (
        (Records("board"), (tile, tile)),
        (Records("board", (record(fused.key, slower),)), (slower, slower)),
        (Records("board", (record(fused.key, slower), record(other.key, tile))), (slower, tile)),
    ):
        for network, expected in zip((quantized, unfused), tiles, strict=True):
            found = lower(network, microkernel, records).convolutions
            call = next(c for c in found if c.name == "block1.reduce")
            assert (call.tile, call.tuned) == (expected, bool(records.records))
