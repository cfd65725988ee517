from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from host.network.graph import run
from host.network.simplify import simplify
from host.prune.channels import Channels, all_channels, cut
from lprnet.network.checkpoint import Checkpoint
from lprnet.network.model import LAYERS, Widths
from tests.checkpoints import NARROW, random_checkpoint


def _half(state: dict[str, torch.Tensor], seed: int) -> dict[str, Channels]:
    """A random half of the channels of every part of every map."""
    rng = np.random.default_rng(seed)

    def some(part: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(rng.permutation(part)[: len(part) // 2].tolist()))

    return {name: Channels(some(c.read), some(c.rest)) for name, c in all_channels(state).items()}


@pytest.mark.parametrize("widths", [None, NARROW])
def test_cutting_computes_what_silencing_computes(widths: Widths | None) -> None:
    """A channel of zeros adds nothing to what reads it; only the contexts' mean squares count it."""
    checkpoint = random_checkpoint(widths=widths)
    selection = _half(checkpoint.state, 1)
    silent = {name: t.clone() for name, t in checkpoint.state.items()}
    scale = []
    for layer in LAYERS:
        kept = selection[layer.name]
        count = len(all_channels(checkpoint.state)[layer.name])
        gone = [c for c in range(count) if c not in kept.read + kept.rest]
        for key in layer.scales:
            silent[key][gone] = 0
        if layer.context:
            scale += [len(kept) / count] * len(kept)
    small = replace(checkpoint, state=cut(checkpoint.state, selection))
    # Fewer channels raise the mean of the squares that each context is divided by.
    small.state["container.0.weight"] = small.state["container.0.weight"] / torch.tensor(scale)[:, None, None]
    image = torch.rand(2, 3, 24, 94) * 2 - 1
    with torch.no_grad():
        expected = replace(checkpoint, state=silent).model()(image)
        torch.testing.assert_close(small.model()(image), expected, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(run(simplify(small), image), expected, rtol=1e-3, atol=1e-3)


def test_everything_kept_changes_nothing() -> None:
    state = random_checkpoint(widths=NARROW).state
    same = cut(state, all_channels(state))
    assert all(torch.equal(same[name], t) for name, t in state.items())


def test_a_map_may_lose_all_channels_of_its_context(shipped: Checkpoint) -> None:
    selection = {n: Channels(c.read) for n, c in all_channels(shipped.state).items()}
    widths = Widths.of(cut(shipped.state, selection))
    assert (widths.block1[3], widths.pool2, widths.block3[3], widths.pool3) == (64, 64, 64, 64)
