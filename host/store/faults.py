"""What can be wrong with a database, in one line each."""

from __future__ import annotations

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
