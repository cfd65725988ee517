"""All that goes from a run to hosts: one spool for each destination, closed together and in time."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from device_runtime.delivery.delivery import FLUSH_S, Delivery
from device_runtime.delivery.destination import Destination, FileDestination, MqttDestination
from device_runtime.delivery.settings import DeliverySettings, destination_of
from device_runtime.delivery.spool import Counts
from device_runtime.errors import FatalError
from device_runtime.files import check_writable
from device_runtime.stop import Stop

log = logging.getLogger(__name__)


def default_spool(environment: Mapping[str, str] = os.environ) -> Path:
    """Where spools are unless told otherwise.

    The folder that systemd gives a service (`StateDirectory=`), else `lpr` in the user's folder of the XDG
    Base Directory Specification for what outlives a run, `~/.local/state`.

    Raises:
        FatalError: the user has no folder.
    """
    if given := environment.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0]) / "spool"
    home = environment.get("XDG_STATE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".local" / "state") / "lpr" / "spool"
    except RuntimeError:
        raise FatalError(
            "spool", "has no place, as this user has no home", "name a folder with --spool"
        ) from None


def spool_of(destination: Destination, folder: Path) -> Path:
    """The folder of the spool for *destination* in that of all spools."""
    kind = str(destination).partition(":")[0].replace(" ", "-")
    return folder / f"{kind}-{hashlib.sha256(repr(destination).encode()).hexdigest()[:12]}"


class Outbox:
    """Deliveries by what they take; a context manager that closes them.

    Args:
        deliveries: by kind of item; one may take several kinds.
        report_file: what a report is written to, instead of being sent.
        stop: says how much time there is for closing.
    """

    def __init__(
        self,
        deliveries: Mapping[str, Sequence[Delivery]],
        report_file: Path | None = None,
        stop: Stop | None = None,
    ) -> None:
        self.deliveries, self.report_file = dict(deliveries), report_file
        self._stop = stop or Stop()

    @classmethod
    def open(
        cls, settings: DeliverySettings, more: Sequence[Destination] = (), stop: Stop | None = None
    ) -> Outbox:
        """Those that *settings* ask for, and *more* that take events, and reports where they say so.

        A report that goes to a file is written there as a whole, and is no item.

        Raises:
            FatalError: a spool cannot be used, a secret not be read, or the report's file not be written.
        """
        folder = settings.spool or default_spool()
        events, reports = destination_of(settings.events), destination_of(settings.report)
        report_file = reports.path if isinstance(reports, FileDestination) else None
        if report_file is not None:
            check_writable(report_file)
        wanted: dict[str, list[Destination]] = {"event": [*([events] if events else []), *more]}
        to: list[Destination] = [reports] if reports is not None and report_file is None else []
        to += [one for one in more if isinstance(one, MqttDestination) and one.reports]
        if to:
            wanted |= {"report": to, "health": to}
        opened: dict[Destination, Delivery] = {}
        with ExitStack() as stack:
            for destination in dict.fromkeys(one for several in wanted.values() for one in several):
                delivery = Delivery(
                    destination, spool_of(destination, folder), max_bytes=settings.spool_mib << 20
                )
                opened[destination] = stack.enter_context(delivery)
            stack.pop_all()
        return cls(
            {kind: [opened[to] for to in several] for kind, several in wanted.items()}, report_file, stop
        )

    def takes(self, kind: str) -> bool:
        """Whether items of *kind* go anywhere."""
        return bool(self.deliveries.get(kind))

    def put(self, kind: str, body: msgspec.Struct | Mapping[str, Any]) -> None:
        """Hand over an item, as `Delivery.put`; nothing where nobody asked for its kind."""
        for delivery in self.deliveries.get(kind, ()):
            delivery.put(kind, body)

    def counts(self) -> dict[str, Counts]:
        """What became of the items since the start, by destination."""
        return {str(delivery.destination): delivery.counts() for delivery in self._distinct()}

    def drain(self, timeout_s: float) -> None:
        """Wait until the hosts have everything, but no longer than *timeout_s*, nor when asked to end."""
        end = time.monotonic() + timeout_s
        waiting = [one for one in self._distinct() if not one.drained()]
        while waiting and time.monotonic() < end and not self._stop.asked:
            time.sleep(0.02)
            waiting = [one for one in waiting if not one.drained()]

    def close(self) -> None:
        """Bring everything to the disk and end, in `FLUSH_S`, or in what is left of the time to end in.

        Says which hosts have not taken all of it.
        """
        timeout_s = self._stop.left_s(FLUSH_S)
        closing = [
            threading.Thread(target=delivery.close, args=(timeout_s,), daemon=True)
            for delivery in self._distinct()
        ]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()
        for delivery in self._distinct():
            if not delivery.drained():
                left = "has not taken everything; the rest is sent at the next start"
                if lost := delivery.unwritten():
                    left += f", but for {lost} that the disk did not take"
                log.warning("%s: %s", delivery.destination, left)

    def _distinct(self) -> list[Delivery]:
        each = [delivery for several in self.deliveries.values() for delivery in several]
        return list({id(delivery): delivery for delivery in each}.values())

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
