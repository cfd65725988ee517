"""Something that is tried: it says what it saw, or fails with one line, and the next one is tried."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

LOG = logging.getLogger(__name__)


class Failed(Exception):
    """What was tried did not do what it should; one line."""

    def __init__(self, text: str) -> None:
        super().__init__(" ".join(text.split())[:400])


class Skipped(Exception):
    """There is nothing to try; says why."""


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes:
        seen: a word on it, or why it failed.
    """

    name: str
    state: Literal["passed", "failed", "not tried"]
    seconds: float
    seen: str


def tried(what: str, name: str, trial: Callable[[], str]) -> Outcome:
    """Call *trial*, the trial *name* of *what*, and log what became of it."""
    LOG.info("%s: %s …", what, name)
    start = time.monotonic()
    state: Literal["passed", "failed", "not tried"] = "passed"
    try:
        seen = trial()
    except Skipped as why:
        state, seen = "not tried", str(why)
    except Failed as failure:
        state, seen = "failed", str(failure)
    seconds = time.monotonic() - start
    level = logging.ERROR if state == "failed" else logging.INFO
    LOG.log(level, "%s: %s %s after %.0f s: %s", what, name, state, seconds, seen)
    return Outcome(name, state, seconds, seen)
