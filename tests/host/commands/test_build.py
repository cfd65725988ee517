from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from host.cli import main
from host.paths import REPOSITORY
from lprnet.weights import DEFAULT


def test_two_networks_are_refused(tmp_path: Path) -> None:
    arguments = ["build", "--pruning", "tiny", "--weights", str(DEFAULT), "--output", str(tmp_path / "x")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and "name two networks" in result.output


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["build", "--target", "rpi9"], "rpi9"),
        (["build", "--reader", "moon"], "reader moon: no such weights are shipped"),
        (["build", "--reader", "cn", "--weights", "x.pth"], "--weights and --reader: name two networks"),
        (["build", "--weights", "nowhere.safetensors"], "nowhere.safetensors"),
        (["build", "--weights", "README.md"], "README.md"),
        (["build", "--schedule", "default", "--precision", "int8"], "--schedule default: has no int8"),
        (["build", "--trials", "8"], "--trials"),
        (["build", "--precision", "fp32", "--observer", "mse"], "--observer mse: only int8"),
        (["build", "--precision", "int8", "--observer", "eyes"], "observer eyes: is not known"),
        (["eval", "--bundle", "nowhere", "--data", "lprnet/samples"], "nowhere"),
    ],
)
def test_bad_arguments_are_one_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert message in line
