from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from device_runtime.errors import FatalError
from lprnet.cli import main
from lprnet.network.alphabet import OWN, PUBLIC
from lprnet.network.average import average
from lprnet.network.checkpoint import load_checkpoint
from tests.checkpoints import NARROW, random_checkpoint, written


def test_every_weight_is_the_mean(tmp_path: Path) -> None:
    files = [
        written(tmp_path / f"{seed}.safetensors", random_checkpoint(seed=seed), budget=f"{seed}")
        for seed in range(3)
    ]
    output = tmp_path / "mean.safetensors"
    result = CliRunner().invoke(main, ["average", *map(str, files), "--output", str(output)])
    assert result.exit_code == 0, result.output
    parts, mean = [load_checkpoint(file) for file in files], load_checkpoint(output)
    for name, tensor in mean.state.items():
        if tensor.is_floating_point():
            expected = torch.stack([part.state[name].double() for part in parts]).mean(0)
            assert torch.allclose(tensor.double(), expected, atol=1e-6), name
        else:
            assert torch.equal(tensor, parts[0].state[name])
    assert mean.metadata["budget"] == "0"
    assert mean.metadata["average of"] == ", ".join(part.sha256 for part in parts)


def test_of_one_is_itself() -> None:
    one = random_checkpoint()
    assert all(torch.equal(v, one.state[k]) for k, v in average([one], ["one"]).state.items())


def test_other_classes_and_other_widths_are_refused(tmp_path: Path) -> None:
    whole = random_checkpoint()
    with pytest.raises(FatalError, match="b: reads another alphabet than a"):
        average([whole, random_checkpoint(PUBLIC)], ["a", "b"])
    files = [
        written(tmp_path / "whole.safetensors", whole),
        written(tmp_path / "narrow.safetensors", random_checkpoint(OWN, widths=NARROW)),
    ]
    output = tmp_path / "mean.safetensors"
    result = CliRunner().invoke(main, ["average", *map(str, files), "--output", str(output)])
    assert result.exit_code != 0 and len(result.output.strip().splitlines()) == 1
    assert "narrow.safetensors" in result.output and not output.exists()
