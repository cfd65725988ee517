from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

import device_runtime.cli
import host.cli
import lprnet.cli


def every_command(command: click.Command, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """*words* that lead to *command*, and those to all the commands in it."""
    if not isinstance(command, click.Group):
        return [words]
    context = click.Context(command)
    found = [words]
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        found += every_command(inner, (*words, name))
    return found


TOOLS = {"lpr-host": host.cli.main, "lprnet": lprnet.cli.main, "lpr-run": device_runtime.cli.command}
EVERY = [(tool, *words) for tool, main in TOOLS.items() for words in every_command(main)]


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_of_every_tool_has_help(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(TOOLS[words[0]], [*words[1:], "--help"], prog_name=words[0])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"Usage: {' '.join(words)} ")
    description = result.output.partition("\n\n")[2].strip()
    assert description and not description.startswith("Options:")


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_answers_an_unknown_option_in_one_line(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(TOOLS[words[0]], [*words[1:], "--no-such-option"], prog_name=words[0])
    assert result.exit_code == 2
    assert result.output.startswith("error: ") and result.output.count("\n") == 1
    assert "--no-such-option" in result.output


@pytest.mark.parametrize("tool", [host.cli, lprnet.cli], ids=["lpr-host", "lprnet"])
def test_every_file_of_commands_is_a_command(tool: ModuleType) -> None:
    assert tool.__file__ is not None
    commands = Path(tool.__file__).parent / "commands"
    files = {path.relative_to(commands).with_suffix("").parts for path in commands.rglob("*.py")}
    files = {words[:-1] if words[-1] == "__init__" else words for words in files if words[-1] != "options"}
    named = {tuple(word.replace("-", "_") for word in words) for words in every_command(tool.main)}
    # A file may hold a group, whose commands then are no files.
    folders = {path.parent.relative_to(commands).parts for path in commands.rglob("__init__.py")}
    assert {words for words in named if words[:-1] in folders} == files
    assert {host.cli: ("test_device",), lprnet.cli: ("finetune",)}[tool] in named


@pytest.mark.parametrize("tool", ["host", "lprnet"])
def test_help_does_not_wait_for_torch_or_the_compiler(tool: str) -> None:
    code = (
        f"import sys; sys.modules['tvm'] = sys.modules['torch'] = None; from {tool}.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"host": "test-device", "lprnet": "finetune"}[tool] in done.stdout


def test_an_unknown_command_is_one_line() -> None:
    result = CliRunner().invoke(host.cli.main, ["bild"], prog_name="lpr-host")
    assert result.exit_code == 2
    assert result.output.startswith("error: lpr-host: No such command 'bild'")
    assert result.output.count("\n") == 1


def test_quiet_hides_progress(tmp_path: Path) -> None:
    tune = ["tune", "--target", "rpi4", "--time", "0", "--output", str(tmp_path / "records.json")]
    told = CliRunner().invoke(host.cli.main, tune)
    quiet = CliRunner().invoke(host.cli.main, ["--quiet", *tune])
    assert told.exit_code == quiet.exit_code == 0
    assert "left for the next run" in told.stderr
    assert quiet.stderr == ""
