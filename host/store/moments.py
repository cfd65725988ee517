"""Times as the database keeps them: whole microseconds since 1970, the same in SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(time: datetime) -> int:
    """*time*, which knows its time zone, as the database keeps it."""
    return (time - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The time, UTC, that `microseconds` made this number of."""
    return _EPOCH + timedelta(microseconds=microseconds)


def now() -> datetime:
    """By this machine's clock, UTC."""
    return datetime.now(timezone.utc)
