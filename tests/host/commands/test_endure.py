from __future__ import annotations

from click.testing import CliRunner

from host.cli import main


def test_the_end_is_a_table() -> None:
    done = CliRunner().invoke(main, ["-q", "endure", "--only", "kills", "--kills", "1"])
    assert done.exit_code == 0 and "1 kills, " in done.stdout and "0 lost, 0 twice" in done.stdout


def test_what_there_is_not_is_refused() -> None:
    done = CliRunner().invoke(main, ["endure", "--only", "earthquake"])
    assert done.exit_code == 2 and "earthquake is unknown, choose among serial, kills" in done.stderr
