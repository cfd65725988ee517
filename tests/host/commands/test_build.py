from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from host.cli import main
from lprnet.weights import DEFAULT


def test_two_networks_are_refused(tmp_path: Path) -> None:
    arguments = ["build", "--pruning", "tiny", "--weights", str(DEFAULT), "--output", str(tmp_path / "x")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and "name two networks" in result.output
