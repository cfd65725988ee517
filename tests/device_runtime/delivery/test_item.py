from __future__ import annotations

import json
import random
import uuid
from datetime import datetime, timezone
from typing import Any

import pytest

from device_runtime.delivery.item import MAX_ITEM_BYTES, Item, decode, encode, new_id
from device_runtime.errors import FatalError

EXAMPLE = Item(
    id="019a1b2c-3d4e-7f60-8a9b-0c1d2e3f4a5b",
    spool=new_id(),
    sequence=7,
    kind="event",
    time=datetime(2026, 11, 26, 3, 4, 5, tzinfo=timezone.utc),
    body={"text": "粤B12345", "confidence": 0.5, "readings": [1, None, {}]},
)


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(encode(EXAMPLE)), **fields}).encode()


def test_items_come_back_and_are_one_line() -> None:
    data = encode(EXAMPLE)
    assert decode(data, "x") == EXAMPLE and b"\n" not in data
    assert b'"time":"2026-11-26T03:04:05Z"' in data


def test_what_a_newer_board_adds_is_ignored() -> None:
    assert decode(changed(signature="abc"), "x") == EXAMPLE
    assert decode(changed(kind="alarm"), "x").kind == "alarm"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"item_version": 2}, "x: is not an item of version 1 (item_version is 2) – update lpr-host"),
        ({"id": "7"}, "x: id: Expected `str` matching regex"),
        ({"id": EXAMPLE.id.upper()}, "x: id: Expected `str` matching regex"),
        ({"sequence": 0}, "x: sequence: Expected `int` >= 1, value 0"),
        ({"sequence": 1 << 64}, "x: sequence: "),
        ({"kind": "../x"}, "x: kind: Expected `str` matching regex"),
        ({"time": "2026-11-26T03:04:05"}, "x: time: Expected `datetime` with a timezone component"),
        ({"time": "now"}, "x: time: Invalid RFC3339 encoded datetime"),
        ({"body": []}, "x: body: Expected `object`, got `array`"),
    ],
)
def test_what_is_no_item_is_refused_in_one_line(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(FatalError) as caught:
        decode(changed(**fields), "x")
    assert str(caught.value).startswith(said)


def test_too_long_an_item_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(FatalError, match="x: is longer than 1024 KiB"):
        decode(b"[" * (MAX_ITEM_BYTES + 1), "x")


def test_ids_are_unique_and_rise_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [new_id() for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert {uuid.UUID(i).version for i in ids} == {7} and {uuid.UUID(i).variant for i in ids} == {
        uuid.RFC_4122
    }
    assert [i[:11] for i in ids] == sorted(i[:11] for i in ids)
    monkeypatch.setattr("time.time_ns", lambda: 0)
    assert len({new_id() for _ in range(100)}) == 100


def test_any_bytes_are_an_item_or_refused_in_one_line() -> None:
    """20,000 pieces of noise and items with damaged, missing, doubled or foreign parts."""
    rng = random.Random(1)
    whole = encode(EXAMPLE)
    foreign = [b'"\xff"', b"null", b"1e999", b"-1", b"[[[[", b'{"a":', b'"\\ud800"', b"\x00", b"9" * 400]
    items = 0
    for index in range(20_000):
        data = bytearray(whole if index % 4 else rng.randbytes(rng.randrange(80)))
        for _ in range(rng.randrange(3)):
            at = rng.randrange(len(data) + 1)
            match rng.randrange(4):
                case 0:
                    data[at : at + rng.randrange(20)] = b""
                case 1:
                    data[at:at] = data[: rng.randrange(30)]
                case 2:
                    data[at : at + rng.randrange(8)] = rng.choice(foreign)
                case _:
                    data[at : at + 1] = bytes([rng.randrange(256)])
        try:
            item = decode(bytes(data), "x")
        except FatalError as error:
            assert str(error).startswith("x: ") and "\n" not in str(error)
        else:
            items += 1
            assert decode(encode(item), "x") == item
    assert 3000 < items < 17_000
