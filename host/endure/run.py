"""All that deliveries and cameras have to bear, by name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from host.endure.cameras import comes_back, stays_young
from host.endure.kills import outlives_kills
from host.endure.memory import stays_small
from host.endure.names import KINDS
from host.endure.serial import Faults, crosses
from host.trial import Outcome, tried


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is tried.

    Attributes:
        items: over the serial line.
        baud: of the line.
        kills: of the sender.
        seconds: that ages are measured for.
        aways_s: how long cameras are away.
        bundle: what reads where memory is looked at.
        frames: of that.
    """

    items: int = 10_000
    baud: int = 115_200
    kills: int = 200
    seconds: float = 30.0
    aways_s: tuple[float, ...] = (0.5, 2.0, 10.0, 30.0)
    bundle: Path = Path("build/native")
    frames: int = 1_000_000


def endure(names: Sequence[str], sizes: Sizes) -> list[Outcome]:
    """Try what *names* of `NAMES` say, one after another."""
    with tempfile.TemporaryDirectory(prefix="lpr-endure-") as folder:
        trials = _trials(sizes, Path(folder))
        return [tried("endure", name, trials[name]) for name in names]


def _trials(sizes: Sizes, folder: Path) -> dict[str, Callable[[], str]]:
    trials: dict[str, Callable[[], str]] = {
        "serial": partial(crosses, sizes.items, Faults(baud=sizes.baud), folder / "serial"),
        "kills": partial(outlives_kills, sizes.kills, folder / "kills"),
        "memory": partial(stays_small, sizes.bundle, sizes.frames),
    }
    for kind in KINDS:
        trials[f"age-{kind}"] = partial(stays_young, kind, sizes.seconds)
        trials[f"back-{kind}"] = partial(comes_back, kind, sizes.aways_s)
    return trials
