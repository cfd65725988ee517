from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from device_runtime.errors import FatalError
from lprnet.cli import main
from lprnet.network.checkpoint import CONFIDENCE, Checkpoint, load_checkpoint, save_checkpoint
from lprnet.weights import networks
from tests.checkpoints import random_checkpoint


def test_calibrate(tmp_path: Path) -> None:
    shipped = load_checkpoint(networks()["tiny"])
    said = {key: value for key, value in shipped.metadata.items() if key != CONFIDENCE}
    weights, output = tmp_path / "tiny.safetensors", tmp_path / "calibrated.safetensors"
    save_checkpoint(weights, shipped.state, shipped.alphabet, said)
    command = ["calibrate", "--weights", str(weights), "--output", str(output), "--samples", "100"]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert "100 crops, " in result.output
    before, after = load_checkpoint(weights), load_checkpoint(output)
    assert before.confidence is None
    assert after.confidence is not None
    assert f"from {after.confidence.least} on" in result.output
    assert all((before.state[name] == tensor).all() for name, tensor in after.state.items())
    assert after.lineage == before.lineage


def test_a_network_that_reads_nothing(weights: Path, tmp_path: Path) -> None:
    command = ["calibrate", "--weights", str(weights), "--output", str(tmp_path / "x"), "--samples", "100"]
    with pytest.raises(FatalError, match="reads no text on any of the crops – train it first"):
        CliRunner().invoke(main, command, catch_exceptions=False, standalone_mode=False)


def test_a_header_with_something_else() -> None:
    checkpoint = random_checkpoint()
    with pytest.raises(FatalError, match="run lprnet calibrate again"):
        _ = Checkpoint(checkpoint.state, checkpoint.alphabet, metadata={CONFIDENCE: "{}"}).confidence
