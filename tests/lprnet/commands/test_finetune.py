import json
import re
from pathlib import Path

import cv2
import pytest
import torch
from click.testing import CliRunner

from lprnet.cli import main
from lprnet.network.alphabet import KOREAN, OWN, make_alphabet
from lprnet.network.checkpoint import load_checkpoint, save_checkpoint
from lprnet.network.model import LPRNet
from lprnet.network.with_alphabet import with_alphabet
from lprnet.plates import render
from lprnet.training.running import METRICS
from lprnet.training.state import WEIGHTS
from lprnet.weights import DEFAULT, of_recipe
from tests.lprnet.helpers import lprnet


def test_finetune_command(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for i in range(12):
        crop = render(8, i, 0.2, "blue")
        cv2.imencode(".png", crop.image)[1].tofile(tmp_path / "data" / f"{crop.text}.png")
    torch.manual_seed(0)
    metadata = {"pruned from": "another", "samples": "7"}
    save_checkpoint(tmp_path / "start.safetensors", LPRNet(len(OWN)).state_dict(), OWN, metadata)
    result = lprnet(
        "finetune",
        "--data",
        str(tmp_path / "data"),
        "--weights",
        str(tmp_path / "start.safetensors"),
        "--output",
        str(tmp_path / "run"),
        "--samples",
        "16",
        "--batch",
        "8",
        "--workers",
        "0",
    )
    assert result.returncode == 0, result.stderr
    tuned = load_checkpoint(tmp_path / "run" / WEIGHTS)
    assert tuned.alphabet == OWN
    assert tuned.metadata["started from"] == load_checkpoint(tmp_path / "start.safetensors").sha256
    assert (tuned.metadata["pruned from"], tuned.metadata["samples"]) == ("another", "16")
    last = json.loads((tmp_path / "run" / METRICS).read_text().splitlines()[-1])
    assert "held out" in last


@pytest.mark.slow
def test_finetune_weighs_the_teacher(tmp_path: Path) -> None:
    """The loss holds the teacher's part times its weight; without a teacher there is nothing to weigh."""
    # One that reads the plates; who does not is not listened to.
    teacher = str(of_recipe("tiny"))
    plates = tmp_path / "plates"
    losses: list[float] = []
    samples = CliRunner().invoke(main, ["samples", "--kind", "blue", "--count", "4", "--output", str(plates)])
    assert samples.exit_code == 0, samples.output
    common = ["finetune", "--data", str(plates), "--samples", "202", "--batch", "2", "--workers", "0"]
    common += ["--held-out", "0", "--seed", "3"]
    for weight in ([], ["--distillation", "1"], ["--distillation", "20"]):
        run = tmp_path / f"run{len(losses)}"
        arguments = [*common, "--output", str(run), "--teacher", teacher]
        result = lprnet(*arguments, *weight)
        assert result.returncode == 0, result.stderr
        losses.append(json.loads((run / METRICS).read_text().splitlines()[0])["loss"])
    assert losses[0] == losses[1] < losses[2]
    result = lprnet(*common, "--output", str(tmp_path / "none"), "--distillation", "2")
    assert result.returncode != 0 and len(result.stderr.strip().splitlines()) == 1
    assert "--teacher" in result.stderr and not (tmp_path / "none").exists()


def test_finetune_to_another_country(tmp_path: Path) -> None:
    """From the shipped classes to letters and digits, on rendered plates and a folder of them."""
    plates, run = tmp_path / "plates", tmp_path / "run"
    samples = CliRunner().invoke(main, ["samples", "--kind", "fr", "--count", "10", "--output", str(plates)])
    assert samples.exit_code == 0, samples.output
    data = ["--data", str(plates), "--alphabet", "0-9A-Z", "--kind", "fr", "--output", str(run)]
    result = lprnet("finetune", *data, "--samples", "32", "--batch", "8", "--workers", "0")
    assert result.returncode == 0, result.stderr
    tuned = load_checkpoint(run / WEIGHTS)
    assert tuned.alphabet == make_alphabet("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    before = with_alphabet(load_checkpoint(DEFAULT), tuned.alphabet, 2)
    assert any(not torch.equal(tuned.state[name], tensor) for name, tensor in before.items())
    measured = lprnet("eval", "--weights", str(run / WEIGHTS), "--rendered", "5", "--kind", "fr")
    assert re.search(r"^rendered fr +\d +5 ", measured.stdout, re.MULTILINE), measured.stderr


def test_finetune_without_crops(tmp_path: Path) -> None:
    """All plates are rendered, some as a locator delivers them."""
    run = tmp_path / "run"
    common = ["finetune", "--kind", "kr", "--alphabet", "kr", "--output", str(run), "--workers", "0"]
    located = ["--located", "0.5", "--two-rows", "0.5", "--samples", "16", "--batch", "8"]
    result = CliRunner().invoke(main, [*common, *located])
    assert result.exit_code == 0, result.output
    assert load_checkpoint(run / WEIGHTS).alphabet == KOREAN
    result = CliRunner().invoke(main, [*common, "--samples", "16", "--rendered-fraction", "0.5"])
    assert "without --data all plates are rendered" in result.output
