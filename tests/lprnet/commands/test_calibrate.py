from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from device_runtime.errors import FatalError
from lprnet.cli import main
from lprnet.network.checkpoint import CONFIDENCE, Checkpoint, load_checkpoint
from tests.checkpoints import random_checkpoint


def test_calibrate(weights: Path, tmp_path: Path) -> None:
    output = tmp_path / "calibrated.safetensors"
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


def test_a_header_with_something_else() -> None:
    checkpoint = random_checkpoint()
    with pytest.raises(FatalError, match="run lprnet calibrate again"):
        _ = Checkpoint(checkpoint.state, checkpoint.alphabet, metadata={CONFIDENCE: "{}"}).confidence
