from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import host.cli


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rate", "nan"], "nan is not a finite number"),
        (["--seconds", "inf"], "--seconds"),
        (["--db", "no-such-folder/lpr.db"], "cannot be opened"),
        (["--during", "no-such-command", "--boards", "1", "--seconds", "1"], "cannot be run"),
    ],
)
def test_what_cannot_be_is_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    command = ["-q", "load", "--db", f"{tmp_path}/lpr.db", *words]
    result = CliRunner().invoke(host.cli.main, command, prog_name="lpr-host")
    assert result.exit_code == 2 and said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_boards_are_put_on_a_collector(tmp_path: Path) -> None:
    words = ["load", "--db", f"sqlite:///{tmp_path}/lpr.db", "--boards", "3", "--rate", "4", "--seconds", "1"]
    result = CliRunner().invoke(host.cli.main, words, prog_name="lpr-host")
    assert result.exit_code == 0, result.output
    found = dict(line.rsplit(maxsplit=1) for line in result.output.splitlines()[:5])
    assert found["items"] == found["acknowledged"] and 9 <= int(found["items"]) <= 15
    assert found["acknowledged and lost"] == found["stored twice"] == "0"
