from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

import host.cli


def test_boards_are_put_on_a_collector(tmp_path: Path) -> None:
    words = ["load", "--db", f"sqlite:///{tmp_path}/lpr.db", "--boards", "3", "--rate", "4", "--seconds", "1"]
    result = CliRunner().invoke(host.cli.main, words, prog_name="lpr-host")
    assert result.exit_code == 0, result.output
    found = dict(line.rsplit(maxsplit=1) for line in result.output.splitlines()[:5])
    assert found["items"] == found["acknowledged"] and 9 <= int(found["items"]) <= 15
    assert found["acknowledged and lost"] == found["stored twice"] == "0"
