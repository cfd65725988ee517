from __future__ import annotations

import time

import pytest

from device_runtime.errors import FatalError
from host.deploy.deploy import Outcome
from host.deploy.table import is_healthy, outcome_rows, status_row

FACTS = {
    "current": "rpi4-int8-0123",
    "since": time.time() - 7300,
    "bundles": ["rpi4-int8-0123", "old"],
    "bad": {"worse": {"why": "golden outputs are off"}},
    "pending": False,
    "health": {"source": {"lost": False}, "frames": 12},
}


def test_what_runs_where_and_since_when() -> None:
    assert status_row("north", "gate", FACTS) == (
        "north", "gate", "rpi4-int8-0123", "2 h", "healthy", "old", "worse",
    )  # fmt: skip
    away = FatalError("gate", "cannot be reached: no route to host", "try `ssh gate`")
    assert status_row("north", "gate", away)[4] == "cannot be reached: no route to host"
    assert is_healthy(FACTS) and not is_healthy(away)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"pending": True}, "is being switched"),
        ({"current": None}, "none"),
        ({"health": None}, "wrote no health report"),
        ({"health": {"source": {"lost": True}}}, "found no camera"),
        ({"health": {"source": {}, "frames": 0}}, "read no frame"),
        ({"health": {"source": None}}, "healthy"),
    ],
)
def test_the_state_of_a_board_in_words(change: dict[str, object], state: str) -> None:
    assert status_row("g", "gate", FACTS | change)[4] == state


def test_what_a_board_says_is_a_line() -> None:
    evil = "\x1b[2J\u202eevil\n"
    row = status_row("g", "gate", FACTS | {"bundles": [evil], "bad": {evil: None}, "current": evil})
    (outcome,) = outcome_rows([("g", Outcome(host="gate", state="failed", bundle=evil, text=evil))])
    assert all(cell.isprintable() for cell in (*row, *outcome))
