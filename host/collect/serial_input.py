"""Items from a serial line: the port is opened, lost and found again; what is committed is acknowledged.

Whoever holds the other end of the cable is the board that the line is named after: nothing on the line says
who it is.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from device_runtime.delivery.channel import Backoff
from device_runtime.delivery.destination import SerialDestination, parse_destination
from device_runtime.delivery.serial_line import SerialReceiver, open_port
from device_runtime.errors import FatalError
from host.collect.fault import is_of_the_item
from host.collect.incoming import decode_one
from host.collect.metrics import Metrics
from host.store.received import Received
from host.store.store import Store
from host.store.values import Accepted

LOG = logging.getLogger(__name__)

_TURN_S = 0.2
"""A step ends after so long, so that the end of the program is noticed."""

_LONGEST_WAIT_S = 5.0
"""Between attempts to open a port, and to store what came."""


@dataclass(frozen=True)
class SerialSource:
    """A serial line, and the board at its other end."""

    board: str
    port: SerialDestination


def parse_serial(text: str) -> SerialSource:
    """What `[BOARD=]PORT[@BAUD]` names; without BOARD the board has the port's name.

    Raises:
        FatalError: it names no port.
    """
    board, equals, port = text.partition("=") if not text.startswith("/") else ("", "", text)
    if text and not text.startswith("/") and not (board and equals):
        raise FatalError(f"--serial {text}", "names no port", "give [BOARD=]/dev/PORT@BAUD")
    destination = parse_destination(f"serial:{port}")
    assert isinstance(destination, SerialDestination)
    return SerialSource(board or Path(destination.port).name, destination)


class SerialInput:
    """Takes items from one line, in a thread of its own.

    Args:
        source: the line.
        store: where items go.
        metrics: counts.

    Raises:
        FatalError: another program uses the port, it may not be opened, or is none. One that is not there is
            waited for: an adapter may be plugged in later.
    """

    def __init__(self, source: SerialSource, store: Store, metrics: Metrics) -> None:
        self.source, self._store, self._metrics = source, store, metrics
        self._stop = threading.Event()
        self._port = None
        if Path(source.port.port).exists():
            self._port = open_port(source.port)
        self._thread = threading.Thread(target=self._run, name=f"serial-{source.board}", daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether the port is there."""
        return self._port is not None

    def close(self, timeout_s: float) -> None:
        """End within *timeout_s*. What came and is not acknowledged is sent again by the board."""
        self._stop.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        backoff = Backoff(_LONGEST_WAIT_S)
        while not self._stop.is_set():
            try:
                if self._port is None:
                    self._port = open_port(self.source.port)
                if backoff.failures:
                    LOG.info("%s: is there again", self.source.port)
                    backoff.reset()
                self._receive()
            except (FatalError, OSError) as error:
                why = f"{error.why}; {error.todo}" if isinstance(error, FatalError) else "is gone"
                if not backoff.failures:
                    LOG.warning("%s: %s; %s is waited for", self.source.port, why, self.source.board)
                self._let_go()
                self._stop.wait(backoff.next())
        self._let_go()

    def _receive(self) -> None:
        """Take what comes until the end.

        Raises:
            OSError: the port is gone.
        """
        assert self._port is not None
        receiver = SerialReceiver(self._port, self._keep)
        backoff = Backoff(_LONGEST_WAIT_S)
        while not self._stop.is_set():
            try:
                receiver.step(_TURN_S)
            except OSError:
                raise
            except Exception as error:
                # The next step has the same items again.
                if not backoff.failures:
                    LOG.warning("%s: %s; the board keeps its items", self.source.board, error)
                self._stop.wait(backoff.next())
            else:
                backoff.reset()

    def _keep(self, datas: list[bytes]) -> None:
        began = time.monotonic()
        items: list[Received] = []
        for data in datas:
            try:
                items.append(decode_one(data, self.source.board))
            except FatalError as error:
                self._refuse(error)
        if not items:
            return
        accepted = self._add(items)
        self._metrics.observe("lpr_acknowledge_seconds", time.monotonic() - began, way="serial")
        self._metrics.count("lpr_items_total", len(accepted.stored), way="serial", outcome="stored")
        self._metrics.count("lpr_items_total", len(accepted.known), way="serial", outcome="known")

    def _add(self, items: list[Received]) -> Accepted:
        """Store *items*; what the database does not take is refused.

        Raises:
            Exception: it takes nothing now.
        """
        try:
            return self._store.add(self.source.board, items)
        except Exception as error:
            if not is_of_the_item(error):
                raise
            if len(items) > 1:
                each = [self._add([one]) for one in items]
                return Accepted(
                    stored=tuple(i for one in each for i in one.stored),
                    known=tuple(i for one in each for i in one.known),
                )
            self._refuse(error)
            return Accepted(stored=(), known=())

    def _refuse(self, error: Exception) -> None:
        # There is no way to tell the board, and it will not get better.
        LOG.warning("refused an item on %s (%s)", self.source.port, str(error)[:200])
        self._metrics.count("lpr_items_total", way="serial", outcome="refused")

    def _let_go(self) -> None:
        if self._port is not None:
            self._port.close()
            self._port = None
