from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from host.cli import main


def test_a_key_is_made_and_shown(tmp_path: Path) -> None:
    made = CliRunner().invoke(main, ["key", "new", str(tmp_path / "key")])
    assert made.exit_code == 0 and len(made.output.strip()) == 56
    shown = CliRunner().invoke(main, ["key", "show", str(tmp_path / "key")])
    assert shown.output == made.output
    again = CliRunner().invoke(main, ["key", "new", str(tmp_path / "key")])
    assert again.exit_code == 2 and "never overwritten" in again.stderr
    assert len(again.stderr.splitlines()) == 1
