"""Commands and their output as documents show them: fenced blocks of `console`.

    ```console          run, in order, and compared with what stands below each command
    ```console board    needs a board
    ```console long     takes long, or the whole machine
    ```console data     needs pictures or weights that are not in the repository

Blocks of the last three kinds are not run; their options must exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

RUN = "console"
NOT_RUN = ("board", "long", "data")
OTHERS = ("text", "python", "toml", "json")
"""Fenced blocks that show no commands."""

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\d[\d.,]*\d|\d")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Command:
    """A command line and the output shown below it, empty where none is shown."""

    line: int
    text: str
    output: str


@dataclass(frozen=True)
class Block:
    """A fenced block that shows commands; `kind` is one of `NOT_RUN`, or empty where they are run."""

    line: int
    kind: str
    commands: tuple[Command, ...]


def fences(path: Path) -> list[tuple[int, str, str]]:
    """Line, info string and body of every fenced block in the document."""
    text = path.read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start()) + 1, m["info"].strip(), m["body"]) for m in _FENCE.finditer(text)]


def blocks(path: Path) -> list[Block]:
    """The blocks of the document that show commands, in order.

    Raises:
        ValueError: a block of another kind than this module's docstring and `OTHERS` name.
    """
    found = []
    for line, info, body in fences(path):
        language, _, kind = info.partition(" ")
        if language == RUN and kind in ("", *NOT_RUN):
            found.append(Block(line, kind, _commands(body, line + 1)))
        elif language not in OTHERS:
            raise ValueError(f"{path}:{line}: a block of kind {info!r}")
    return found


def _commands(body: str, first: int) -> tuple[Command, ...]:
    commands: list[Command] = []
    lines = iter(enumerate(body.splitlines(), first))
    for number, line in lines:
        if not line.startswith("$ "):
            last = commands.pop()
            commands.append(Command(last.line, last.text, f"{last.output}{line}\n"))
            continue
        text = line[2:]
        while text.endswith("\\"):
            text = text[:-1].rstrip() + " " + next(lines)[1].strip()
        commands.append(Command(number, text, ""))
    return tuple(commands)


def matches(shown: str, printed: str) -> bool:
    """Whether *printed* is what *shown* says.

    Any number may stand for any other and white space for any white space: figures change from machine to
    machine, words do not. A line `…` stands for any lines, `…` in a line for anything.
    """
    pattern = ""
    for line in _plain(shown).splitlines():
        if line == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part.strip()) for part in line.split("…")) + r"\n"
    return re.fullmatch(pattern, _plain(printed)) is not None


def _plain(text: str) -> str:
    """*text* without colours and empty lines, numbers as `#`, runs of white space as one space."""
    lines = (_NUMBER.sub("#", " ".join(_ANSI.sub("", line).split())) for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line)
