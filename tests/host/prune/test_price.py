from __future__ import annotations

import pytest

from host.kernels.select import microkernel_for
from host.lower.tuned import Records, read_for
from host.network.simplify import simplify
from host.prune import price
from host.prune.channels import all_channels
from host.targets.read import load_target
from lprnet.network.alphabet import OWN
from lprnet.network.model import Widths
from tests.checkpoints import NARROW, random_checkpoint

OF_VNNI = load_target("x86-64-vnni")
VNNI = microkernel_for(OF_VNNI, "int8")


@pytest.mark.parametrize("widths", [Widths(), NARROW])
def test_prices_are_what_the_network_has(widths: Widths) -> None:
    whole = simplify(random_checkpoint())
    checkpoint = random_checkpoint(widths=widths)
    network, channels = simplify(checkpoint), all_channels(checkpoint.state)
    assert price.macs(whole).of(channels, len(OWN)) == network.macs
    assert price.parameters(whole).of(channels, len(OWN)) == network.parameters


def test_latency_is_the_records_and_counts_whole_vectors() -> None:
    whole = simplify(random_checkpoint())
    records = read_for(OF_VNNI)
    predicted = price.latency(whole, VNNI, records)
    full = all_channels(random_checkpoint().state)
    assert predicted.unit.startswith("ns, ")
    last = {**full, "wide": full["wide"].without([255])}
    vector = {**full, "wide": full["wide"].without(range(240, 256))}
    costs = [predicted.of(s, len(OWN)) for s in (full, last, vector)]
    assert costs[0] == costs[1] > costs[2]


def test_latency_without_records_counts_vectors() -> None:
    whole = simplify(random_checkpoint())
    predicted = price.latency(whole, VNNI, Records("none"))
    assert predicted.unit == "vector products"
    assert predicted.of(all_channels(random_checkpoint().state), len(OWN)) == pytest.approx(whole.macs)
