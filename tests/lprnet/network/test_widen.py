from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from device_runtime.errors import FatalError
from lprnet.cli import main
from lprnet.network.checkpoint import Checkpoint, load_checkpoint
from lprnet.network.model import BLOCK, STEPS, Widths
from lprnet.network.widen import WIDENABLE, widen
from lprnet.training.losses import ctc_loss
from lprnet.training.settings import Settings
from lprnet.training.state import new_state
from tests.checkpoints import random_checkpoint, written


def _channels(state: dict[str, torch.Tensor], layer: str) -> int:
    name, _, part = layer.partition(".")
    value = getattr(Widths.of(state), name)
    return int(value[BLOCK.index(part)] if part else value)


@pytest.mark.parametrize("layer", WIDENABLE)
def test_a_wider_network_computes_the_same(layer: str) -> None:
    before = random_checkpoint()
    channels = _channels(before.state, layer) + 16
    after = Checkpoint(widen(before, [f"{layer}={channels}"]), before.alphabet)
    assert _channels(after.state, layer) == channels
    x = torch.rand(2, 3, 24, 94) - 0.5
    with torch.no_grad():
        assert torch.allclose(after.model()(x), before.model()(x), rtol=1e-4, atol=1e-5)


def test_new_channels_are_trained() -> None:
    """Were both sides of a new channel zero, no gradient would ever reach it."""
    before = random_checkpoint()
    settings = Settings(warmup=1)
    state = new_state(settings, len(before.alphabet), 1, widen(before, ["wide=272"]))
    logits = state.model(torch.rand(2, 3, 24, 94) - 0.5)
    assert logits.shape == (2, len(before.alphabet), STEPS)
    ctc_loss(logits, ("皖A12345", "苏B67890"), before.alphabet).backward()  # type: ignore[no-untyped-call]
    reads_new = state.model.backbone[20].weight.grad
    assert isinstance(reads_new, torch.Tensor) and reads_new[:, 256:].abs().max() > 0


def test_the_file_says_what_was_widened(tmp_path: Path) -> None:
    start, output = tmp_path / "start.safetensors", tmp_path / "wider.safetensors"
    written(start, budget="macs=0.3")
    wishes = ["--to", "wide=272", "--to", "block2.vertical=80"]
    result = CliRunner().invoke(main, ["widen", "--weights", str(start), *wishes, "--output", str(output)])
    assert result.exit_code == 0, result.output
    wider = load_checkpoint(output)
    assert wider.lineage == {
        "budget": "macs=0.3",
        "widened from": load_checkpoint(start).sha256,
        "widened to": "wide=272 block2.vertical=80",
    }
    assert Widths.of(wider.state).wide == 272 and Widths.of(wider.state).block2 == (64, 80, 64, 256)


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ("stem=80", "not a layer that can be widened"),
        ("block1.expand=144", "not a layer that can be widened"),
        ("wide", "not a layer that can be widened"),
        ("wide=many", "not a layer that can be widened"),
        ("wide=240", "wide has 256 channels already"),
        ("wide=99999999999", "give 4096 or fewer"),
    ],
)
def test_wishes_that_cannot_be_met(wish: str, told: str) -> None:
    with pytest.raises(FatalError, match=told):
        widen(random_checkpoint(), [wish])
