from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from device_runtime.report.health import Health
from host.show.condition import condition, dated, lost_something, throttled
from tests.fleets import NOW, health_of


def dropping(health: Health, items: int, run: str | None = None) -> Health:
    """*health*, with so many items dropped since the start of its run."""
    counts = {
        to: msgspec.structs.replace(count, dropped={"event": items}) for to, count in health.delivery.items()
    }
    return msgspec.structs.replace(health, delivery=counts, run=run or health.run)


@pytest.mark.parametrize(
    ("board", "later_s", "state", "what", "todo"),
    [
        (0, 30, "good", "", ""),
        (4, 30, "bad", "its camera is away", "cable"),
        (5, 30, "doubtful", "its clock is not set", "time server"),
        (0, 3600, "silent", "says nothing", "journalctl -u lpr-run"),
    ],
)
def test_a_board_is_as_it_says(board: int, later_s: float, state: str, what: str, todo: str) -> None:
    last = list(health_of(board, hours=1))[-1]
    found = condition(last, NOW, NOW + timedelta(seconds=later_s))
    assert found.state == state
    assert what in "; ".join(one.what for one in found.troubles)
    assert todo in "; ".join(one.todo for one in found.troubles)


def test_a_board_that_tells_seldom_is_not_silent_at_once() -> None:
    last = msgspec.structs.replace(list(health_of(0, hours=1))[-1], since_s=3600.0)
    assert condition(last, NOW, NOW + timedelta(hours=2)).state == "good"
    ended = condition(msgspec.structs.replace(last, last=True), NOW, NOW + timedelta(days=9))
    assert ended.state == "ended" and ended.troubles[0].begun(NOW + timedelta(days=9)) == "9 d ago"
    assert condition(None, NOW, NOW).state == "good"
    assert condition(None, None, NOW).state == "new"


def test_what_is_over_holds_nothing_back() -> None:
    assert throttled("under-voltage, throttled since boot")
    assert not throttled("under-voltage since boot") and not throttled("none") and not throttled(None)


def test_what_was_lost_long_ago_is_no_trouble() -> None:
    before, last = (dropping(one, 7) for one in list(health_of(0, hours=1))[::11])
    assert lost_something(last) and not lost_something(list(health_of(0, hours=1))[-1])
    assert condition(last, NOW, NOW).state == "bad"
    assert condition(last, NOW, NOW, before).state == "good"
    more = dropping(last, 9)
    assert condition(more, NOW, NOW, before).troubles[0].what == "2 items dropped"
    # A run that began since has lost all that it has lost since.
    assert condition(dropping(last, 3, run="new"), NOW, NOW, before).troubles[0].what == "3 items dropped"


def test_troubles_are_dated_by_the_reports_before() -> None:
    reports = list(health_of(4, hours=2))
    reports[:13] = [msgspec.structs.replace(one, source=None) for one in reports[:13]]
    history = [(one.created_at, one) for one in reports]
    found = dated(condition(reports[-1], NOW, NOW), history)
    assert found.troubles[0].since == reports[13].created_at
    assert found.troubles[0].begun(NOW) == "began 50 min ago"
    # Nobody knows what was before the first of them.
    assert dated(found, history[14:]).troubles[0].begun(NOW) == "began more than 45 min ago"
    dropped = [dropping(one, 3 if i < 20 else 5) for i, (_, one) in enumerate(history)]
    again = dated(
        condition(dropped[-1], NOW, NOW, dropped[12]), [(one.created_at, one) for one in dropped]
    ).troubles[1]
    assert (again.what, again.since) == ("2 items dropped", reports[20].created_at)


def test_states_are_ranked_worst_first() -> None:
    last = list(health_of(4, hours=1))[-1]
    found = [
        condition(last, NOW, NOW),
        condition(last, NOW, NOW + timedelta(days=1)),
        condition(list(health_of(5, hours=1))[-1], NOW, NOW),
        condition(None, None, NOW),
        condition(None, NOW, NOW),
    ]
    assert [one.state for one in found] == ["bad", "silent", "doubtful", "new", "good"]
    assert [one.rank for one in found] == sorted(one.rank for one in found)
