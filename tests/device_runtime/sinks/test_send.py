from __future__ import annotations

import base64
from pathlib import Path

import cv2
import msgspec
import numpy as np

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


def test_events_take_their_plate_along_if_asked(tmp_path: Path) -> None:
    settings = DeliverySettings(
        events=f"file:{tmp_path / 'events.jsonl'}", spool=tmp_path / "spool", crops=True
    )
    plate = np.full((200, 640, 3), 90, np.uint8)
    with Outbox.open(settings) as outbox:
        sent = Sent(outbox, crops=settings.crops)
        sent.tell(Passage(event=event("京A1"), frame=None, crop=plate))
        sent.tell(Passage(event=event("京A2"), frame=None, crop=None))
        outbox.drain(30)
    pictured, bare = map(msgspec.json.decode, (tmp_path / "events.jsonl").read_bytes().splitlines())
    jpeg = base64.b64decode(pictured["body"]["crop"])
    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None and shown.shape == (100, 320, 3)
    assert msgspec.convert(pictured["body"], Event) == event("京A1") and "crop" not in bare["body"]
