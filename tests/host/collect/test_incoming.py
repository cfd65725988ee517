from __future__ import annotations

import msgspec
import pytest

from device_runtime.errors import FatalError
from host.collect.incoming import MOST_ITEMS, Malformed, Newer, decode_batch, decode_one, id_of
from tests.host.collect.collecting import batch
from tests.items import encoded, event, health


def test_a_batch_is_told_apart() -> None:
    good, newer = encoded("event", event()), encoded("event", event(), item_version=2)
    damaged = encoded("health", msgspec.to_builtins(health()) | {"frames": -1})
    found = decode_batch(batch(good, newer, damaged, b'{"id": 7}'))
    assert [str(item.id) for item in found.items] == [id_of(good)]
    assert [(one.id, "newer than this host" in one.why) for one in found.later] == [(id_of(newer), True)]
    assert [one.id for one in found.refused] == [id_of(damaged), ""]
    assert found.refused[0].why.startswith("items[2]: body: frames: ") and "-1" in found.refused[0].why


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"items": 3}', b'{"items":[}', b"\xff", b"[" * 99_999])
def test_what_is_no_batch_is_named(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode_batch(body)


def test_a_batch_has_a_bound() -> None:
    assert len(decode_batch(batch(*[b"0"] * MOST_ITEMS)).refused) == MOST_ITEMS
    with pytest.raises(Malformed, match="items: 1001 are too many"):
        decode_batch(batch(*[b"0"] * (MOST_ITEMS + 1)))


def test_a_newer_item_is_not_for_now_and_a_newer_field_is_kept() -> None:
    with pytest.raises(Newer, match="update lpr-host"):
        decode_one(encoded("event", event(), item_version=2), "gate")
    told = decode_one(encoded("event", msgspec.to_builtins(event()) | {"colour": "red"}, lane=3), "gate")
    raw = msgspec.json.decode(told.raw)
    assert raw["lane"] == 3 and raw["body"]["colour"] == "red"


def test_the_field_is_named() -> None:
    with pytest.raises(FatalError, match=r"^gate: sequence: .*, value 0"):
        decode_one(encoded("event", event(), sequence=1).replace(b'"sequence":1', b'"sequence":0'), "gate")
