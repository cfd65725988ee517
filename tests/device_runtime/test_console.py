from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner, Result

from device_runtime.console import OneLineCommand, OneLineGroup, configure_logging, fail, one_line
from device_runtime.errors import FatalError


@click.group(cls=OneLineGroup, name="tool")
def tool() -> None:
    """A tool."""


@tool.group()
def boards() -> None:
    """A group within it."""


@boards.command()
@click.argument("what")
@click.option("--number", type=click.IntRange(1))
def end(what: str, number: int | None) -> None:
    """End in one of many ways."""
    if what == "fatal":
        raise FatalError("x.json", "is not\nJSON", "write it again")
    if what == "interrupt":
        raise KeyboardInterrupt
    if what == "status":
        click.get_current_context().exit(3)
    if what == "file":
        raise click.FileError("x.txt", "no such file")
    if what == "bug":
        raise OSError(5, "Input/output error")
    if what == "print":
        for _ in range(10_000):
            print("line")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(tool, arguments, prog_name="tool")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["boards", "end", "fatal"], "error: x.json: is not JSON – write it again\n"),
        (
            ["boards", "end", "file"],
            "error: tool: Could not open file 'x.txt': no such file – see tool --help\n",
        ),
        (["boards", "end"], "error: tool boards end: Missing argument 'WHAT' – see tool boards end --help\n"),
        (["boards", "nothing"], "error: tool boards: No such command 'nothing' – see tool boards --help\n"),
        (["--loud"], "error: tool: No such option '--loud' – see tool --help\n"),
    ],
)
def test_errors_are_one_line_and_status_2(arguments: list[str], line: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", line)


def test_a_bad_value_is_one_line() -> None:
    done = run("boards", "end", "well", "--number", "0")
    assert done.exit_code == 2
    assert done.stderr.startswith(
        "error: tool boards end: Invalid value for '--number': 0 is not in the range"
    )
    assert done.stderr.count("\n") == 1


def test_other_endings_keep_their_status() -> None:
    assert run("boards", "end", "well").exit_code == 0
    assert run("boards", "end", "status").exit_code == 3
    assert run("boards", "end", "interrupt").exit_code == 130
    assert run("--help").exit_code == 0
    assert run("boards").stderr.startswith("Usage: tool boards")


def test_a_bug_is_not_hidden() -> None:
    assert isinstance(run("boards", "end", "bug").exception, OSError)


def test_without_standalone_mode_errors_pass_through() -> None:
    with pytest.raises(FatalError):
        tool.main(["boards", "end", "fatal"], standalone_mode=False)


def test_commands_of_a_group_are_alike() -> None:
    assert isinstance(end, OneLineCommand) and isinstance(boards, OneLineGroup)


def ending(redirection: str) -> subprocess.CompletedProcess[str]:
    """Prints 10,000 lines without flushing in a process of its own, to where the shell says."""
    command = f"{sys.executable} {__file__} boards end print"
    return subprocess.run(
        ["bash", "-c", f"{command} {redirection}"], capture_output=True, text=True, check=False
    )


def test_a_closed_pipe_ends_without_a_word() -> None:
    done = ending("| true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (1, "")


def test_a_full_disk_is_one_line() -> None:
    done = ending("> /dev/full")
    line = "error: output: cannot be written (No space left on device) – free some space\n"
    assert (done.returncode, done.stderr) == (2, line)


def test_fail_prints_what_a_file_name_holds_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        fail(FatalError("a\nb\udcff", "is odd", "rename it"))
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: a b?: is odd – rename it\n"
    assert one_line(" a\t b\n") == "a b"


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    package = logging.getLogger("device_runtime")
    before, level = package.handlers[:], package.level
    configure_logging()
    configure_logging()
    yield logging.getLogger("device_runtime.test")
    package.handlers = before
    package.setLevel(level)


def test_the_log_is_lines_on_standard_error(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    log.debug("hidden")
    log.info("reading %d", 3)
    log.warning("a\nb")
    log.error("gone")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "reading 3\nwarning: a b\nerror: gone\n")


if __name__ == "__main__":
    tool()


def test_a_line_holds_nothing_that_a_terminal_obeys() -> None:
    assert one_line("a\x1b[2J\u202eb\x00\udcffc\u3000京A12345\n–") == "a?[2J?b??c 京A12345 –"
