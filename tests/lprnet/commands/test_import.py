from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
import torch
from click.testing import CliRunner

from lprnet.cli import main
from lprnet.network.checkpoint import load_checkpoint
from lprnet.plates import render
from tests.published import Published, flat, trained


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey plates, 38 classes, one of them a hyphen, the blank first."""
    path = tmp_path_factory.mktemp("foreign") / "grey.pth.tar"
    torch.save({"net": flat(trained(Published(38, channels=1)))}, path)
    return path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_what_is_imported_says_all_about_itself(foreign: Path, tmp_path: Path) -> None:
    output = tmp_path / "own.safetensors"
    said = run("import", foreign, "--alphabet", "0-9A-Z-", "--blank", "first", "--output", output)
    assert "38 classes _ 0-9 A-Z -, the blank is _ (class 0)" in said
    checkpoint = load_checkpoint(output)
    assert checkpoint.alphabet.blank == 0 and checkpoint.preprocess.color == "GRAY"
    assert checkpoint.metadata["source"] == "grey.pth.tar"
    again = tmp_path / "again.safetensors"
    run("import", output, "--output", again)
    assert load_checkpoint(again).alphabet == checkpoint.alphabet


def test_labels_may_have_a_hyphen(foreign: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "AB-123_1.png"), render(0, 0, kind="eu", text=None).image)
    options = ["--alphabet", "0-9A-Z-", "--blank", "first", "--json"]
    said = json.loads(run("eval", "--weights", foreign, *options, "--data", tmp_path).splitlines()[-1])
    assert said["n"] == 1 and "".join(a for a, _, _ in said["confusions"]).count("-") <= 1
    written = [a for a, _, n in said["confusions"] for _ in range(n) if a != "∅"]
    assert "-" in written and "_" not in written


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--alphabet", "0-9A-Z"], "37 classes with its blank -, but the network has 38"),
        (["--alphabet", "0-9A-Z-", "--color", "RGB"], "--color RGB: the network reads one channel"),
        (["--alphabet", "0-9A-Z-", "--mean", "1,2,3"], "--mean 1,2,3: 3 numbers for 1 channels"),
        (["--alphabet", "0-9A-Z-", "--scale", "1/0"], "1/0 is no list of numbers"),
        ([], "38 classes and no alphabet – list them with --alphabet; no known list has 38"),
    ],
)
def test_wrong_options_are_one_line(foreign: Path, options: list[str], message: str, tmp_path: Path) -> None:
    arguments = ["import", str(foreign), *options, "--output", str(tmp_path / "x.safetensors")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and not list(tmp_path.iterdir())
    (line,) = [line for line in result.output.splitlines() if line.startswith("error: ")]
    assert message in line


def test_a_checkpoint_of_our_own_says_what_it_reads(tmp_path: Path) -> None:
    from lprnet.weights import DEFAULT

    arguments = ["import", str(DEFAULT), "--color", "RGB", "--output", str(tmp_path / "x.safetensors")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and "says itself what it reads" in result.output
