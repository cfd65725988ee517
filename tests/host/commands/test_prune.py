from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from host.cli import main
from host.network.simplify import simplify
from host.prune.unstructured import sparsity_of
from lprnet.network.checkpoint import load_checkpoint
from lprnet.weights import DEFAULT


def test_a_budget_is_kept_and_what_was_cut_recorded(tmp_path: Path) -> None:
    output = tmp_path / "small.safetensors"
    arguments = ["prune", "--target", "rpi4", "--budget", "latency=0.6", "--criterion", "l1"]
    arguments += ["--rounds", "2", "--finetune", "64", "--output", str(output)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    checkpoint = load_checkpoint(output)
    record = json.loads(output.with_suffix(".json").read_text())
    assert record["after"]["latency"] <= 0.6 * record["before"]["latency"]
    assert "convolutions recorded" in record["units"]["latency"]
    assert record["after"]["macs"] == simplify(checkpoint).macs
    assert checkpoint.metadata["pruned from"] == load_checkpoint(DEFAULT).sha256


def test_unstructured_weights_are_set_to_zero(tmp_path: Path) -> None:
    output = tmp_path / "sparse.safetensors"
    result = CliRunner().invoke(main, ["prune", "--unstructured", "0.6", "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert sparsity_of(load_checkpoint(output).state) == pytest.approx(0.6, abs=2e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "macs=2"], "'macs=2' is not a share"),
        (["--budget", "watts=0.5"], "'watts=0.5' is not a share of macs, size, latency"),
        (["--budget", "macs=0"], "'macs=0' is not a share"),
        ([], "give --budget or --unstructured"),
        (["--budget", "macs=0.5", "--unstructured", "0.5"], "give --budget or --unstructured"),
        (["--budget", "macs=0.001"], "no network is that small"),
    ],
)
def test_what_cannot_be_pruned_to_is_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["prune", *arguments, "--output", str(tmp_path / "x.safetensors")])
    assert result.exit_code == 2
    assert message in result.output and len(result.output.strip().splitlines()[-1:]) == 1
    assert not list(tmp_path.iterdir())
