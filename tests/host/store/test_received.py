from __future__ import annotations

import msgspec
import pytest

from device_runtime.delivery.item import MAX_ITEM_BYTES, Item, encode, new_id
from device_runtime.errors import FatalError
from host.store.received import MAX_CROP_BYTES, of_body, received
from tests.items import SPOOL, came, encoded, event, health


def test_what_the_body_says_has_one_key_whichever_way_it_comes() -> None:
    passage = event("粤B12345")
    one, other = came("event", passage), came("event", passage)
    bare = of_body("event", msgspec.json.encode(passage), "mqtt")
    assert one.key == other.key == bare.key and len({one.id, other.id, bare.id}) == 3
    assert bare.id == of_body("event", msgspec.json.encode(passage), "mqtt").id
    assert bare.id.version == 8 and (bare.spool, bare.sequence) == (None, None)
    assert one.key != came("event", event("粤B12345")).key


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("event", {"event_version": 1}, "gate: body: .*required field `id`"),
        ("event", {}, r"gate: body: .*event_version is missing"),
        ("event", {"event_version": "1"}, r"gate: body: .*event_version is '1'"),
        ("event", msgspec.to_builtins(event()) | {"readings": "7"}, "gate: body: readings: .*'7'"),
        ("event", msgspec.to_builtins(event()) | {"crop": "no base64!"}, "crop: is no base64"),
        ("event", msgspec.to_builtins(event()) | {"crop": "aGFsbG8="}, "crop: is no JPEG"),
        ("event", msgspec.to_builtins(event()) | {"crop": 7}, "crop: is no base64"),
        ("health", msgspec.to_builtins(health()) | {"frames": -1}, "gate: body: frames: .*-1"),
        ("report", {"report_version": 1}, "gate: body: "),
    ],
)
def test_a_wrong_body_is_named_with_its_key(kind: str, body: object, why: str) -> None:
    with pytest.raises(FatalError, match=why):
        received(encoded(kind, body), "gate")


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", b"[" * 100_000, b'{"item_version": 2}'])
def test_what_is_no_item_is_one_line(data: bytes) -> None:
    for check in (lambda: received(data, "gate"), lambda: of_body("event", data, "gate")):
        with pytest.raises(FatalError, match=r"^gate"):
            check()


def test_a_picture_that_is_too_large_is_refused() -> None:
    body = msgspec.to_builtins(event()) | {
        "crop": msgspec.to_builtins(b"\xff\xd8\xff" + bytes(MAX_CROP_BYTES))
    }
    with pytest.raises(FatalError, match="no JPEG of at most 256 KiB"):
        received(encoded("event", body), "gate")


def test_times_that_no_calendar_has_are_refused() -> None:
    for time in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        data = encoded("weather", {}).replace(b'"time":"', b'"time":"' + time.encode() + b'","was":"')
        with pytest.raises(FatalError, match="time: is before the year 1 or after 9999"):
            received(data, "gate")


def test_what_is_too_long_is_refused() -> None:
    with pytest.raises(FatalError, match="is longer than 1024 KiB"):
        of_body("event", b" " * (MAX_ITEM_BYTES + 1), "gate")


def test_a_kind_or_version_of_a_newer_board_is_put_aside() -> None:
    item = Item(
        id=new_id(), spool=SPOOL, sequence=1, kind="weather", time=event().first_seen, body={"rain": 1}
    )
    assert received(encode(item), "gate").body is None
    newer = {"health_version": 2, "all": "new"}
    assert received(encoded("health", newer), "gate").body is None
    assert of_body("health", msgspec.json.encode(newer), "gate").body is None
