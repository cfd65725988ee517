from __future__ import annotations

from click.testing import CliRunner

from host.cli import main


def test_boards_that_there_are_not_are_one_line() -> None:
    for arguments, said in (
        (["--target", "rpi2"], "there is no virtual board"),
        (["--target", "rpi4", "--only", "earthquake"], "is no check"),
    ):
        done = CliRunner().invoke(main, ["test-board", *arguments])
        assert done.exit_code == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1
