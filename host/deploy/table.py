"""What became of boards, and what runs on them, as rows of a table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from device_runtime.console import one_line
from device_runtime.errors import FatalError
from host.deploy.agent.healthy import lacking
from host.deploy.deploy import Outcome

OUTCOME_HEADINGS = ("group", "board", "state", "runs", "what was seen")
STATUS_HEADINGS = ("group", "board", "runs", "for", "service", "also there", "bad")


def outcome_rows(outcomes: Sequence[tuple[str, Outcome]]) -> list[tuple[str, ...]]:
    """For `OUTCOME_HEADINGS`: group and outcome of each board."""
    return [
        (group, outcome.host, outcome.state, one_line(outcome.bundle or "–"), one_line(outcome.text))
        for group, outcome in outcomes
    ]


def status_row(group: str, host: str, facts: Mapping[str, Any] | FatalError) -> tuple[str, ...]:
    """For `STATUS_HEADINGS`: what a board says of itself, or why it cannot be asked."""
    if isinstance(facts, FatalError):
        return group, host, "?", "", facts.why, "", ""
    current = facts["current"]
    others = [name for name in facts["bundles"] if name != current]
    age = "" if facts["since"] is None else _age(time.time() - facts["since"])
    told = (current or "nothing", age, state_of(facts), " ".join(others), " ".join(facts["bad"]))
    return group, host, *map(one_line, told)


def is_healthy(facts: Mapping[str, Any] | FatalError) -> bool:
    """Whether the board's service does what it should."""
    return not isinstance(facts, FatalError) and state_of(facts) == "healthy"


def state_of(facts: Mapping[str, Any]) -> str:
    """In words, of a board that could be asked."""
    if facts["pending"]:
        return "is being switched"
    if facts["current"] is None:
        return "none"
    if not (report := facts["health"]):
        return "wrote no health report"
    lacks = lacking(report, was_lost=False)
    return "healthy" if lacks is None else lacks


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
