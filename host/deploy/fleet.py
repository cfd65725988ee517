"""Many boards: group after group, several at a time, until too many have failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from host.deploy.deploy import Outcome

B = TypeVar("B")


@dataclass(frozen=True, kw_only=True)
class Group(Generic[B]):
    """Boards that are deployed together.

    Attributes:
        enough: share of them that must be healthy before the next group is begun.
    """

    name: str
    boards: tuple[B, ...]
    enough: float

    def can_be_enough(self, failures: int) -> bool:
        """Whether the share can still be reached after so many failures."""
        return len(self.boards) - failures >= self.enough * len(self.boards)


def deploy_groups(
    groups: Sequence[Group[B]],
    deploy: Callable[[B], Outcome],
    skip: Callable[[B, str], Outcome],
    *,
    parallel: int,
    most_failures: int | None = None,
) -> list[tuple[str, Outcome]]:
    """Deploy *groups* in order and return what became of each board, with its group's name.

    No further board is begun when a group's share of healthy boards cannot be reached any more.

    Args:
        deploy: brings a bundle onto a board.
        skip: makes the outcome of a board that is not tried, and why.
        parallel: boards at a time.
        most_failures: nor when so many boards of all groups have failed; None: however many.
    """
    outcomes: list[tuple[str, Outcome]] = []
    failures, stopped, lock = 0, "", Lock()
    for group in groups:
        here = 0

        def one(board: B, group: Group[B] = group) -> Outcome:
            nonlocal failures, here, stopped
            with lock:
                reason = stopped
            if reason:
                return skip(board, reason)
            outcome = deploy(board)
            with lock:
                if not outcome.healthy:
                    failures, here = failures + 1, here + 1
                if not group.can_be_enough(here):
                    stopped = f"stopped: {here} of {len(group.boards)} boards of group {group.name} failed"
                elif most_failures is not None and failures >= most_failures:
                    stopped = f"stopped: {failures} boards failed"
            return outcome

        with ThreadPoolExecutor(parallel) as pool:
            outcomes += [(group.name, outcome) for outcome in pool.map(one, group.boards)]
    return outcomes
