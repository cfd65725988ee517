"""Deletes what is too old, once in a while, in a thread that nobody waits for."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict

from device_runtime.errors import FatalError
from host.store.store import Store
from host.store.values import Retention

LOG = logging.getLogger(__name__)

FIRST_S, EVERY_S = 60.0, 3600.0
"""After the start, and from then on."""


class Retiring:
    """Deletes until it is closed. Several collectors may do so on one database.

    Args:
        store: what to delete from.
        retention: how long things are kept.
        first_s, every_s: as above.
    """

    def __init__(
        self, store: Store, retention: Retention, first_s: float = FIRST_S, every_s: float = EVERY_S
    ) -> None:
        self._store, self._retention, self._every_s = store, retention, every_s
        self._stop = threading.Event()
        threading.Thread(target=self._run, args=(first_s,), name="retire", daemon=True).start()

    def close(self) -> None:
        """Begin no more; what is being deleted is a transaction, or a few thousand rows of one."""
        self._stop.set()

    def _run(self, wait_s: float) -> None:
        while not self._stop.wait(wait_s):
            wait_s = self._every_s
            try:
                retired = asdict(self._store.retire(self._retention))
            except FatalError as error:
                LOG.warning("nothing is deleted for its age (%s)", error)
                continue
            if found := ", ".join(f"{n} {kind}" for kind, n in retired.items() if n):
                LOG.info("deleted for their age: %s", found)
