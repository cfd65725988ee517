"""Which target to build for a board."""

from __future__ import annotations

import re
from pathlib import Path

from device_runtime.board.cpu import Cpu
from device_runtime.schema import Format, Strict

FILE = Path(__file__).with_name("boards.json")
"""Written into the wheel when a bundle is built; a checkout of the source has none."""


class KnownTarget(Strict, frozen=True, kw_only=True):
    """A target and the machines it is for, as its profile says.

    Attributes:
        name: what to build.
        arch: as in `Cpu`.
        cpu_features: what its code needs.
        match: parts of such boards' names; case, spaces and punctuation don't count.
        fallback: for boards that no target names, if their processors have all `cpu_features`.
    """

    name: str
    arch: str
    cpu_features: tuple[str, ...]
    match: tuple[str, ...]
    fallback: bool


class Advice(Strict, frozen=True, kw_only=True):
    """All targets that can be suggested."""

    schema_version: int = 1
    targets: tuple[KnownTarget, ...] = ()


ADVICE = Format(schema=Advice, what="a list of boards", version=1, todo="run the bundle's install.sh again")


def suggest_target(cpu: Cpu, model: str | None, advice: Advice | None = None) -> str:
    """Which target to build for this machine; `native` where nothing better is known.

    The one with the longest matching name if its architecture is this system's (a 64-bit board may run a
    32-bit system), else the most demanding fallback that this processor can execute.

    Args:
        cpu, model: the machine's processor and name.
        advice: what is known of targets; by default what came with this package.

    Raises:
        FatalError: `boards.json` is damaged.
    """
    if advice is None:
        advice = ADVICE.read(FILE) if FILE.exists() else Advice()
    targets = [target for target in advice.targets if target.arch == cpu.arch]
    named = _letters(model or "")
    matches = [(part, t.name) for t in targets for part in map(_letters, t.match) if part in named]
    if matches:
        return max(matches, key=lambda match: len(match[0]))[1]
    able = [t for t in targets if t.fallback and cpu.features.issuperset(t.cpu_features)]
    return max(able, key=lambda t: len(t.cpu_features)).name if able else "native"


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
