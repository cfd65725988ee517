"""Whose fault it is when items could not be stored: theirs, or the database's."""

from __future__ import annotations

from sqlalchemy import exc

_VALUES = (ValueError, OverflowError, RecursionError, exc.DataError)


def is_of_the_item(error: BaseException) -> bool:
    """Whether the values of an item are at fault, so that it will never be stored.

    In doubt it is not: an item that is refused is lost.
    """
    cause = error.orig if isinstance(error, exc.StatementError) else None
    return isinstance(error, _VALUES) or isinstance(cause, _VALUES)
