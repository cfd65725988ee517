from __future__ import annotations

import pytest
import torch

from host.network.graph import MaxPool, run
from host.network.simplify import simplify
from lprnet.network.alphabet import OWN, Alphabet
from lprnet.network.model import LPRNet, Widths
from tests.checkpoints import NARROW, random_checkpoint


@pytest.mark.parametrize(("classes", "widths"), [(5, None), (68, None), (73, None), (73, NARROW)])
def test_simplified_network_computes_the_same(classes: int, widths: Widths | None) -> None:
    alphabet = Alphabet(tuple(map(chr, range(0x4E00, 0x4E00 + classes))))
    checkpoint = random_checkpoint(alphabet, seed=classes, widths=widths)
    image = torch.rand(2, 3, 24, 94) * 2 - 1
    with torch.no_grad():
        expected, actual = checkpoint.model()(image), run(simplify(checkpoint), image)
    assert actual.shape == (2, classes, 18)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def test_pooled_channels_lead() -> None:
    """A pool that kept its stride over channels would read others than the leading ones."""
    checkpoint = random_checkpoint()
    network = simplify(checkpoint)
    pools = [layer for layer in network.layers if isinstance(layer, MaxPool)]
    assert [(p.channels, p.stride) for p in pools] == [(64, 1), (64, 2), (64, 2)]
    expand = next(c for c in network.convs if c.name == "block3.expand")
    original = checkpoint.state["backbone.11.block.6.weight"]
    ratio = torch.from_numpy(expand.weight[1]).flatten() / original[4].flatten()
    torch.testing.assert_close(ratio, ratio[0].expand_as(ratio))


def test_sizes() -> None:
    network = simplify(random_checkpoint())
    assert network.steps == 18
    assert network.classes == len(OWN)
    # 3 times 3 input channels, 64 filters and 22 times 92 positions.
    assert network.macs_of(network.convs[0]) == 27 * 64 * 22 * 92
    parameters = sum(p.numel() for p in LPRNet(len(OWN)).parameters())
    norms = 2 * (64 + 128 + 256 + 256 + 256 + len(OWN))
    assert network.parameters == parameters - norms
