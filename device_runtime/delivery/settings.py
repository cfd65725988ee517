"""What a user can adjust about what is sent to a host, every key checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from device_runtime.delivery.destination import Destination, parse_destination
from device_runtime.errors import FatalError
from device_runtime.schema import Strict


class DeliverySettings(Strict, frozen=True, kw_only=True):
    """Where events and reports are sent, and where they wait until they have arrived.

    Attributes:
        events: destination of events, as text.
        report: of the report at the end of a run, and of health reports.
        spool: folder of the spools, one for each destination.
        spool_mib: bound of each one.

    Raises:
        ValueError: a destination is none.
    """

    events: str | None = None
    report: str | None = None
    spool: Path | None = None
    spool_mib: Annotated[int, msgspec.Meta(ge=1, le=1 << 20)] = 16

    def __post_init__(self) -> None:
        for key, text in (("events", self.events), ("report", self.report)):
            try:
                destination_of(text)
            except FatalError as error:
                raise ValueError(f"{key}: {error.what} {error.why}; {error.todo}") from None


def destination_of(text: str | None) -> Destination | None:
    """What *text* names, if there is any.

    Raises:
        FatalError: it is no destination.
    """
    return None if text is None else parse_destination(text)
