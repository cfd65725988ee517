"""What the store gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from device_runtime.follow.event import Event
from device_runtime.report.health import Health
from device_runtime.report.report import Report

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What became of items that were handed over together, committed.

    Attributes:
        stored: ids of those that are new.
        known: ids of those that were there before.
    """

    stored: tuple[str, ...]
    known: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An item of one board.

    Attributes:
        id: row, rising in the order of commits.
        board: its name.
        item: the item's UUID.
        time: when it was handed over, by the board's clock.
        received_at: by the collector's clock.
        at: when it happened, as far as is known: the better of the two.
        raw: the item as it came, UTF-8 JSON, but for a picture in it.
    """

    id: int
    board: str
    item: str
    time: datetime
    received_at: datetime
    at: datetime
    raw: bytes

    @property
    def behind(self) -> timedelta:
        """How long it was under way; negative where the board's clock is fast, by so much at least."""
        return self.received_at - self.time


@dataclass(frozen=True, kw_only=True)
class StoredEvent(Stored):
    """An event, and whether there is a picture of its plate, for `Store.crop`."""

    event: Event
    has_crop: bool


@dataclass(frozen=True, kw_only=True)
class StoredHealth(Stored):
    """A health report."""

    health: Health


@dataclass(frozen=True, kw_only=True)
class StoredReport(Stored):
    """A benchmark report."""

    report: Report


@dataclass(frozen=True, kw_only=True)
class StoredOther(Stored):
    """An item of a kind, or of a version, that is not known here."""

    kind: str


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """Some rows, and what to give as `before` for those that follow; None where there are none."""

    rows: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which events: those that fit all that is given.

    Attributes:
        plate: its text; blanks, dots and dashes do not count, nor does the case. With a `*` at its end, or at
            its beginning, all plates that begin, or end, so.
        distance: how far a plate's look may be from it, as `follow.look_alike.distance` says: 0 takes
            look-alikes for equal, at most 1.5; None: the very text. Not with a `*`.
        board: its name.
        since, until: of `at`; the first included, the last not.
    """

    plate: str | None = None
    distance: float | None = None
    board: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board and how it is doing.

    Attributes:
        first_received_at, last_received_at: items; None where none has come yet.
        last_time: of the last one, by the board's clock.
        tokens: that are valid.
        health: its newest.
    """

    name: str
    created_at: datetime
    first_received_at: datetime | None
    last_received_at: datetime | None
    last_time: datetime | None
    tokens: int
    health: StoredHealth | None


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long things are kept, days since `at`; None: for ever.

    Attributes:
        crops: pictures of plates; with their events at the latest.
        others: items that were not understood.
    """

    events: float | None = 30.0
    crops: float | None = 30.0
    health: float | None = 90.0
    reports: float | None = None
    others: float | None = 90.0


@dataclass(frozen=True, kw_only=True)
class Retired:
    """How many rows were deleted."""

    events: int = 0
    crops: int = 0
    health: int = 0
    reports: int = 0
    others: int = 0


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What was deleted because of a plate.

    Attributes:
        plates: the texts.
    """

    plates: tuple[str, ...]
    events: int
    crops: int


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What this process did since it opened the store, and what waits.

    Attributes:
        stored, known: items, by kind.
        groups: transactions that stored them.
        failed: items that could not be stored.
        busy: items that were turned away.
        waiting, waiting_bytes: items that are to be stored.
        retired: rows that were deleted, by table.
    """

    stored: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    groups: int = 0
    failed: int = 0
    busy: int = 0
    waiting: int = 0
    waiting_bytes: int = 0
    retired: dict[str, int] = field(default_factory=dict)
