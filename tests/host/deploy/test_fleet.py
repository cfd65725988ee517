from __future__ import annotations

import threading

import pytest

from host.deploy.deploy import Outcome
from host.deploy.fleet import Group, deploy_groups


def group(name: str, count: int, enough: float = 1.0) -> Group[str]:
    return Group(name=name, boards=tuple(f"{name}{i}" for i in range(count)), enough=enough)


def became(
    groups: list[Group[str]], failing: set[str], parallel: int = 1, most_failures: int | None = None
) -> dict[str, str]:
    def deploy(board: str) -> Outcome:
        return Outcome(
            host=board, state="failed" if board in failing else "runs", bundle=None, text="as it is"
        )

    def skip(board: str, why: str) -> Outcome:
        return Outcome(host=board, state="not tried", bundle=None, text=why)

    done = deploy_groups(groups, deploy, skip, parallel=parallel, most_failures=most_failures)
    assert [name for name, _ in done] == [g.name for g in groups for _ in g.boards]
    return {outcome.host: outcome.state for _, outcome in done}


def test_groups_follow_each_other_while_enough_are_healthy() -> None:
    groups = [group("a", 2), group("b", 4, enough=0.5), group("c", 1)]
    assert set(became(groups, set()).values()) == {"runs"}
    assert became(groups, {"b0", "b2"})["c0"] == "runs"
    stopped = became(groups, {"b0", "b1", "b2"})
    assert (stopped["a1"], stopped["b3"], stopped["c0"]) == ("runs", "not tried", "not tried")


def test_a_group_is_left_as_soon_as_its_share_is_out_of_reach() -> None:
    stopped = became([group("a", 3), group("b", 2)], {"a0"})
    assert stopped == {"a0": "failed"} | dict.fromkeys(("a1", "a2", "b0", "b1"), "not tried")


def test_so_many_failures_in_all_stop_it() -> None:
    groups = [group("a", 3, enough=0), group("b", 3, enough=0)]
    stopped = became(groups, {"a0", "b0"}, most_failures=2)
    assert stopped["a2"] == "runs" and stopped["b1"] == stopped["b2"] == "not tried"
    assert became(groups, {"a0", "b0"})["b2"] == "runs"


@pytest.mark.parametrize("parallel", [1, 3])
def test_as_many_boards_at_a_time_as_are_allowed(parallel: int) -> None:
    # All of them wait for each other; more than that never meet.
    barrier, running, most, lock = threading.Barrier(parallel), 0, 0, threading.Lock()

    def deploy(board: str) -> Outcome:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        barrier.wait(30)
        with lock:
            running -= 1
        return Outcome(host=board, state="runs", bundle=None, text="")

    deploy_groups([group("a", 6)], deploy, lambda board, _: deploy(board), parallel=parallel)
    assert most == parallel
