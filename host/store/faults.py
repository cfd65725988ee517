"""What can be wrong with a database, in one line each."""

from __future__ import annotations

import sqlite3

from device_runtime.errors import FatalError


class Unavailable(FatalError):
    """The database cannot do it now: nothing was stored; whoever asked may try again later."""


class Busy(Unavailable):
    """More is waiting to be stored than may.

    Attributes:
        retry_after_s: when it is worth trying again.
    """

    def __init__(self, what: str, why: str, todo: str, retry_after_s: float) -> None:
        super().__init__(what, why, todo)
        self.retry_after_s = retry_after_s


_FREE = "free some space, or keep less"
_LOCKED = ("is locked by another program", "stop it, or wait until it is done")
_SQLITE = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", _FREE),
    sqlite3.SQLITE_IOERR: ("cannot be read or written: the disk is full or fails", _FREE),
    sqlite3.SQLITE_NOTADB: ("is no SQLite database, or its beginning is damaged", "name another file"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "restore a copy, or move it away and begin anew"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "check its folder and its rights"),
    sqlite3.SQLITE_READONLY: ("may not be written", "check its rights"),
}
"""Primary result code → why and todo, see sqlite.org/rescode.html."""

_POSTGRESQL = {
    "53100": ("cannot grow: the server's disk is full", _FREE),
    "53300": ("has no connection left", "raise max_connections, or run fewer collectors"),
    "55P03": _LOCKED,
    "XX001": ("is damaged", "restore a copy"),
}
"""SQLSTATE → the same, see the appendix of PostgreSQL's manual."""


def explained(name: str, error: BaseException) -> Unavailable:
    """What the driver's *error* means, of the database called *name*."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        known = _SQLITE.get(code & 0xFF)
    else:
        known = _POSTGRESQL.get(getattr(error, "sqlstate", None) or "")
    said = " ".join(str(error).split())[:200]
    why, todo = known or (f"fails ({said})", "check that it runs, and who may use it")
    return Unavailable(name, why, todo)
