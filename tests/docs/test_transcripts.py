"""README and docs show commands: those that can run here are run, the others use options that exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from tests.docs.transcripts import Block, Command, blocks, matches

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
LONGEST = 300
"""Seconds that one command may take."""


def _named(document: Path) -> str:
    return str(document.relative_to(REPOSITORY))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository to run commands in: they write into `build/` and elsewhere."""
    copy = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (REPOSITORY / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, copy / name)
    # Older than .venv's stamps, or make would install the copy in place of the repository.
    os.utime(copy / "pyproject.toml", (0, 0))
    (copy / ".venv").symlink_to((REPOSITORY / ".venv").resolve())
    (REPOSITORY / ".cache").mkdir(exist_ok=True)
    (copy / ".cache").symlink_to((REPOSITORY / ".cache").resolve())
    return copy


@pytest.fixture(scope="module")
def printed() -> dict[str, str]:
    """What commands printed that earlier documents showed: they are not run again."""
    return {}


@pytest.mark.slow
@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if any(not block.kind for block in blocks(path))], ids=_named
)
def test_commands_print_what_is_shown(document: Path, checkout: Path, printed: dict[str, str]) -> None:
    if not (REPOSITORY / ".venv" / ".setup").exists():
        pytest.skip("not set up by `make setup`")
    for block in blocks(document):
        for command in () if block.kind else block.commands:
            place = f"{_named(document)}:{command.line}: $ {command.text}"
            if command.text not in printed:
                printed[command.text] = _run(command, place, checkout)
            if command.output:
                output = printed[command.text]
                assert matches(command.output, output), f"{place}\nprinted:\n{output}"


def _run(command: Command, place: str, checkout: Path) -> str:
    """What *command* prints."""
    done = subprocess.run(
        ["bash", "-c", command.text],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout), "COLUMNS": "120", "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    refused = command.output.startswith("error: ")
    assert done.returncode == (2 if refused else 0), f"{place}\n{done.stdout}"
    return done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_options_shown_exist(document: Path) -> None:
    shown = [(block, command) for block in blocks(document) for command in block.commands]
    unknown = [f"{c.line}: {option}" for b, c in shown for option in _unknown_options(b, c)]
    assert not unknown, f"{document.name}: {unknown}"


def _unknown_options(block: Block, command: Command) -> list[str]:
    unknown = []
    for part in re.split(r"&&|\|\|?|;", command.text):
        words = shlex.split(part, comments=True)
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words = words[1:]
        tool = Path(words[0]).name if words else ""
        if tool == "make":
            unknown += _unknown_make(words[1:])
        elif tool in ("lpr-run", "lpr-host", "lprnet"):
            unknown += _unknown_to(_tool(tool), words[1:])
    return unknown


def _unknown_make(words: list[str]) -> list[str]:
    text = (REPOSITORY / "Makefile").read_text()
    goals = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    variables = set(re.findall(r"^(\w+) \?=", text, re.MULTILINE)) | set(re.findall(r"\$\((\w+)\)", text))
    given = [word.partition("=") for word in words]
    return [name for name, is_variable, _ in given if name not in (variables if is_variable else goals)]


def _tool(name: str) -> click.Command:
    if name == "lpr-run":
        from device_runtime.cli import command

        return command
    if name == "lpr-host":
        from host.cli import main as host

        return host
    from lprnet.cli import main as lprnet

    return lprnet


def _unknown_to(tool: click.Command, words: list[str]) -> list[str]:
    """Options among *words* that *tool* or its command named there does not have."""
    context = click.Context(tool)
    if isinstance(tool, click.Group) and words and not words[0].startswith("-"):
        name = words[0]
        if name not in tool.list_commands(context):
            return [name]
        found = tool.get_command(context, name)
        assert found is not None
        return _unknown_to(found, words[1:])
    known = {
        option
        for parameter in tool.get_params(context)
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    given = (word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word))
    return [option for option in given if option not in known | {"-h", "--help"}]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    local = [target.partition("#")[0] for target in targets if "://" not in target]
    assert [target for target in local if target and not (document.parent / target).exists()] == []


def test_the_readme_fits_a_screen_or_two() -> None:
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").split()) <= 900


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a 1.5 ms\n", "a   20 ms\n"),
        ("first\n…\nlast\n", "first\nanything\nat all\nlast\n"),
        ("first\n…\nlast\n", "first\nlast\n"),
        ("wrote … bytes\n", "wrote x/y.so, 1,234 bytes\n"),
        ("plain\n", "\x1b[1mplain\x1b[0m\n"),
    ],
)
def test_figures_may_differ(shown: str, printed: str) -> None:
    assert matches(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [("a 1.5 ms\n", "b 1.5 ms\n"), ("first\n", "first\nmore\n"), ("first\n…\nlast\n", "first\n")],
)
def test_words_may_not(shown: str, printed: str) -> None:
    assert not matches(shown, printed)
