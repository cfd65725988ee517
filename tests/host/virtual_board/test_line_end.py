from __future__ import annotations

import os
import select
import threading
import time
import tty
from pathlib import Path

from device_runtime.delivery.destination import SerialDestination
from device_runtime.delivery.serial_line import SerialChannel
from device_runtime.delivery.spool import Spool
from host.virtual_board.line_end import Inbox, LineEnd
from tests.device_runtime.delivery.spools import fill


def test_what_a_board_sends_over_its_line_is_kept_once(tmp_path: Path) -> None:
    """A pair of terminals: what is written to one end is read at the other, as QEMU does it."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    spool, inbox = Spool(tmp_path), Inbox()
    entries = fill(spool, 5)
    # openpty's first half has no name to open; pipe it to a second pair.
    far, named = os.openpty()
    tty.setraw(named)
    with LineEnd(Path(os.ttyname(named)), inbox), _Wire(ours, far):
        channel = SerialChannel(SerialDestination(os.ttyname(theirs)))
        deadline = time.monotonic() + 60
        while not spool.empty and time.monotonic() < deadline:
            channel.step(spool)
        channel.close()
    for handle in (ours, theirs, far, named):
        os.close(handle)
    assert [item.sequence for item in inbox.items.values()] == [entry.sequence for entry in entries]
    assert inbox.gaps() == [] and inbox.strange == 0
    spool.close()


class _Wire:
    """Copies between two descriptors, both ways, while it is a context."""

    def __init__(self, one: int, other: int) -> None:
        self._ends, self._running = (one, other), True

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._running = False
        self._thread.join(10)

    def _copy(self) -> None:
        one, other = self._ends
        while self._running:
            for source in select.select((one, other), (), (), 0.1)[0]:
                os.write(other if source == one else one, os.read(source, 4096))


def test_gaps_and_numbers_given_twice_are_told(tmp_path: Path) -> None:
    spool, inbox = Spool(tmp_path), Inbox()
    texts = [entry.data for entry in fill(spool, 5)]
    spool.close()
    inbox.store([texts[0], texts[1], texts[1], b"noise", texts[4]])
    assert len(inbox.items) == 3 and inbox.twice == 1 and inbox.strange == 1
    (line,) = inbox.gaps()
    assert "2 missing ([3, 4])" in line
    assert not inbox.wait_for(4, 0.1)
