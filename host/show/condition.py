"""How a board is doing: what is wrong now, since when, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from device_runtime.report.health import Health
from host.show.duration import duration

State = Literal["bad", "silent", "doubtful", "new", "ended", "good"]
"""How a board is doing; `silent`: nothing was heard of it in time, `new`: nothing ever, `ended`: its run said
goodbye."""

STATES: dict[State, str] = {
    "bad": "trouble",
    "silent": "silent",
    "doubtful": "look at it",
    "new": "not heard yet",
    "ended": "ended",
    "good": "good",
}
"""Worst first, each in words."""

LATE = timedelta(minutes=5)
"""Boards tell once a minute unless told otherwise; a few reports may be on their way."""
LATE_INTERVALS = 3
"""Of a board that tells less often: so many of its intervals."""
RECENT = timedelta(hours=1)
"""So long ago is what was lost no news any more."""
HOT_C = 80.0
"""°C: where a Raspberry Pi begins to slow down (Raspberry Pi documentation, frequency management)."""
LITTLE_MEMORY_MB = 64
LITTLE_ROOM_MB = 128
"""MiB left of memory, and of the spool's disk."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One thing that is wrong.

    Attributes:
        kind: the same for the same thing, whatever its numbers.
        what, todo: in words.
        since: when it began; None where nobody knows.
        longer: it began before `since`.
    """

    kind: str
    what: str
    todo: str
    since: datetime | None = None
    longer: bool = False

    def begun(self, now: datetime) -> str:
        """How long ago it began, in words; empty where it has just begun, or nobody knows."""
        if self.since is None or now - self.since < timedelta(seconds=1):
            return ""
        word, more = "" if self.kind == "ended" else "began ", "more than " if self.longer else ""
        return f"{word}{more}{duration((now - self.since).total_seconds())} ago"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """How a board is doing.

    Attributes:
        state: the worst of it.
        troubles: worst first; empty where nothing is wrong.
    """

    state: State
    troubles: tuple[Trouble, ...] = ()

    @property
    def words(self) -> str:
        """In short."""
        return STATES[self.state]

    @property
    def rank(self) -> int:
        """0 for the worst state."""
        return list(STATES).index(self.state)


def condition(
    health: Health | None, heard: datetime | None, now: datetime, before: Health | None = None
) -> Condition:
    """How a board is doing whose last health report is *health* and that was last heard of at *heard*.

    Args:
        health: None where it never sent one.
        heard: by the collector's clock, as is *now*; None where nothing ever came.
        before: its report of about `RECENT` ago, from which on losses count; None: from the start of its run.
    """
    if heard is None:
        todo = "start lpr-run there with its token and the collector's address"
        return Condition(state="new", troubles=(Trouble(kind="new", what="has sent nothing yet", todo=todo),))
    late = LATE
    if health is not None:
        late = max(late, LATE_INTERVALS * timedelta(seconds=health.since_s))
    if health is not None and health.last:
        ended = Trouble(kind="ended", what="its run ended", todo="start lpr-run there again", since=heard)
        return Condition(state="ended", troubles=(ended,))
    if now - heard > late:
        todo = "see whether it has power and network, then journalctl -u lpr-run there"
        silent = Trouble(kind="silent", what="says nothing", todo=todo, since=heard)
        return Condition(state="silent", troubles=(silent,))
    if health is None:
        return Condition(state="good")
    bad, doubtful = tuple(_bad(health, before)), tuple(_doubtful(health, before))
    state: State = "bad" if bad else "doubtful" if doubtful else "good"
    return Condition(state=state, troubles=(*bad, *doubtful))


def lost_something(health: Health) -> bool:
    """Whether it takes an earlier report to say if that was lately."""
    return any(sum(counts.dropped.values()) or counts.refused for counts in health.delivery.values())


def dated(found: Condition, history: Sequence[tuple[datetime, Health]]) -> Condition:
    """*found* with the times at which its troubles began.

    Args:
        history: the board's last health reports, oldest first, the one of *found* last; when each was made.
    """
    if not history or found.state not in ("bad", "doubtful"):
        return found
    kinds, start = [], 0
    for at, health in history:
        # As `condition` does: what was lost within `RECENT`.
        while start + 1 < len(history) and history[start + 1][0] <= at - RECENT:
            start += 1
        before = history[start][1]
        kinds.append({one.kind for one in (*_bad(health, before), *_doubtful(health, before))})

    def since(trouble: Trouble) -> Trouble:
        index = len(history)
        while index and trouble.kind in kinds[index - 1]:
            index -= 1
        if index == len(history):
            return trouble
        return replace(trouble, since=history[index][0], longer=index == 0)

    return replace(found, troubles=tuple(map(since, found.troubles)))


def throttled(throttling: str | None) -> bool:
    """Whether something holds the processor back now: "none" and what is over since the start do not."""
    parts = [part for part in (throttling or "none").split(", ") if not part.endswith(" since boot")]
    return bool(parts) and parts != ["none"]


def _bad(health: Health, before: Health | None) -> Iterable[Trouble]:
    machine, source = health.machine, health.source
    if source is not None and source.lost:
        todo = "check its power and cable, and its address in lpr.toml"
        yield Trouble(kind="camera", what="its camera is away", todo=todo)
    if machine.spool_free_mb is not None and machine.spool_free_mb < LITTLE_ROOM_MB:
        what = f"{machine.spool_free_mb} MiB left on the spool's disk"
        yield Trouble(kind="room", what=what, todo="free that disk; a line that is down fills it")
    if lost := _dropped(health) - _earlier(_dropped, health, before):
        todo = "its spool is full: see why they do not leave, under Deliveries"
        yield Trouble(kind="dropped", what=f"{lost:,} item{'s' * (lost > 1)} dropped", todo=todo)


def _doubtful(health: Health, before: Health | None) -> Iterable[Trouble]:
    machine = health.machine
    if throttled(machine.throttling):
        powerless = "under-voltage" in (machine.throttling or "")
        todo = "give it a stronger power supply" if powerless else "cool it, or have it read fewer frames"
        yield Trouble(kind="throttled", what=f"held back: {machine.throttling}", todo=todo)
    if machine.temperature_c is not None and machine.temperature_c >= HOT_C:
        what = f"{machine.temperature_c:.0f} °C"
        yield Trouble(kind="hot", what=what, todo="see its heat sink, fan and housing")
    if machine.available_mb is not None and machine.available_mb < LITTLE_MEMORY_MB:
        what = f"{machine.available_mb} MiB of memory left"
        yield Trouble(kind="memory", what=what, todo="see what else runs there")
    if refused := _refused(health) - _earlier(_refused, health, before):
        todo = "see the collector's log for the reason; perhaps one of the two is too old"
        yield Trouble(kind="refused", what=f"{refused:,} item{'s' * (refused > 1)} refused", todo=todo)
    if not health.clock_synchronized:
        todo = "let it reach a time server; until then times of its events may be wrong"
        yield Trouble(kind="clock", what="its clock is not set", todo=todo)


def _dropped(health: Health) -> int:
    return sum(sum(counts.dropped.values()) for counts in health.delivery.values())


def _refused(health: Health) -> int:
    return sum(counts.refused for counts in health.delivery.values())


def _earlier(count: Callable[[Health], int], health: Health, before: Health | None) -> int:
    """What of a count is no news: counts are since the start of a run."""
    return min(count(before), count(health)) if before is not None and before.run == health.run else 0
