from __future__ import annotations

from pathlib import Path

import msgspec

from device_runtime.delivery.outbox import Outbox
from device_runtime.delivery.settings import DeliverySettings
from device_runtime.follow.event import Event, Passage
from device_runtime.sinks.send import Sent
from tests.device_runtime.results import event


def test_events_are_handed_over(tmp_path: Path) -> None:
    settings = DeliverySettings(events=f"file:{tmp_path / 'events.jsonl'}", spool=tmp_path / "spool")
    with Outbox.open(settings) as outbox:
        sent = Sent(outbox)
        sent.tell(Passage(event=event("京A1"), frame=None, crop=None))
        sent.close()
        outbox.drain(30)
    (line,) = (tmp_path / "events.jsonl").read_bytes().splitlines()
    item = msgspec.json.decode(line)
    assert item["kind"] == "event" and msgspec.convert(item["body"], Event) == event("京A1")
