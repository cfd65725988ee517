"""Events to a host."""

from __future__ import annotations

from device_runtime.delivery.outbox import Outbox
from device_runtime.follow.event import Passage
from device_runtime.sinks.sink import Sink


class Sent(Sink):
    """Hands events over for delivery. Whoever opened the outbox closes it."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def tell(self, passage: Passage) -> None:
        self._outbox.put("event", passage.event)
