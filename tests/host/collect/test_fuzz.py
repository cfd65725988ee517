"""130,000 damaged inputs: none ends in an error of ours, and what passes is stored."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec

from device_runtime.delivery.link import Receiver
from device_runtime.delivery.wire import LENGTH, Frame, Kind, encode
from device_runtime.errors import FatalError
from host.collect.answers import Receive, Send
from host.collect.incoming import Malformed, decode_batch, decode_one
from host.collect.items import Items, Limits
from host.collect.metrics import Metrics
from host.collect.mqtt_input import decode_message
from host.store.received import Received
from host.store.store import Store
from tests.host.collect.collecting import batch
from tests.items import encoded, event, health
from tests.reports import made

SEEDS = [encoded("event", event()), encoded("health", health()), encoded("report", made())]
SMALL = SEEDS[:2]

VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2, 1 << 31, 1 << 63, 1 << 64, 10**40, -(1 << 70), 0.5, -0.0, 1e308, 5e-324,
    "", "x", "\0", "\ud7ff", "\U0010ffff", "<script>", "x" * 3000, "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2024-01-01T00:00:00", "2024-02-30T00:00:00Z", [], {}, [[]], [1], {"": ""},
    [[[[[[[[[[[[]]]]]]]]]]]], {"a": {"b": [1]}}, "event", "health", "report",
    "00000000-0000-0000-0000-000000000000",
]  # fmt: skip
TOKENS = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"1e999", b"-", b"\\u0000", b"\\ud800",
          b"\xff", b"\xc3", b"\0", b"9" * 400, b"[" * 3000, b" " * 50, b"NaN", b"\xef\xbb\xbf"]  # fmt: skip


def bytes_damaged(draw: random.Random, data: bytes) -> bytes:
    """*data* with a few bytes or pieces changed."""
    out = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 5))):
        at = draw.randrange(len(out) + 1)
        match draw.randrange(5):
            case 0 if at < len(out):
                out[at] ^= 1 << draw.randrange(8)
            case 1:
                del out[at : at + draw.choice((1, 1, 8, 200))]
            case 2:
                out[at:at] = draw.choice(TOKENS)
            case 3:
                begin = draw.randrange(len(out) + 1)
                out[at:at] = out[begin : begin + draw.choice((1, 10, 100))]
            case _:
                del out[at:]
    return bytes(out)


def value_damaged(draw: random.Random, data: bytes) -> bytes:
    """The JSON *data* with a value, or a key, of somewhere in it changed."""
    whole = msgspec.json.decode(data)
    at: Any = whole
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            break
        key = draw.choice(keys)
        if isinstance(at[key], dict | list) and at[key] and draw.random() < 0.8:
            at = at[key]
            continue
        match draw.randrange(4):
            case 0 if isinstance(at, dict):
                del at[key]
            case 1 if isinstance(at, dict):
                at[draw.choice(("x", "", "\0", "id", "body", "é" * 300))] = draw.choice(VALUES)
            case _:
                at[key] = draw.choice(VALUES)
        break
    return msgspec.json.encode(whole)


def damaged(draw: random.Random, seeds: list[bytes], n: int) -> Iterator[bytes]:
    for number in range(n):
        how = value_damaged if number % 2 else bytes_damaged
        yield how(draw, draw.choice(seeds))


def stored(store: Store, items: list[Received]) -> None:
    """Store *items*, a few hundred at a time."""
    for start in range(0, len(items), 500):
        store.add("gate", items[start : start + 500])


def test_bodies_over_http_get_no_server_error(store: Store) -> None:
    """3,000 through the whole application, with the store behind it."""
    token, draw = store.add_token("gate"), random.Random(1)
    app = Items(store, Metrics(), Limits(items_s=1e9, burst=1e9))
    headers = [(b"authorization", b"Bearer " + token.encode())]
    statuses: list[int] = []

    async def post(body: bytes) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        more = [(b"content-encoding", b"gzip")] if draw.random() < 0.02 else []
        scope = {"type": "http", "method": "POST", "headers": headers + more, "client": ("127.0.0.1", 1)}
        taking: tuple[Receive, Send] = (receive, send)
        await app(scope, *taking)

    async def post_all() -> None:
        bodies = [batch(one, SEEDS[0]) for one in damaged(draw, SMALL, 2000)]
        bodies += [bytes_damaged(draw, batch(*SMALL)) for _ in range(1000)]
        for start in range(0, len(bodies), 250):
            await asyncio.gather(*map(post, bodies[start : start + 250]))

    asyncio.run(post_all())
    assert len(statuses) == 3000
    assert set(statuses) <= {200, 400, 422}
    assert statuses.count(200) > 1500


def test_batches_are_decoded_or_refused(store: Store) -> None:
    """62,000 bodies."""
    draw = random.Random(2)
    passed: list[Received] = []
    for body in damaged(draw, [batch(one) for one in SMALL], 62_000):
        try:
            found = decode_batch(body)
        except Malformed:
            continue
        passed += found.items
        msgspec.json.encode((found.refused, found.later))
    assert len(passed) > 1000
    stored(store, passed[:2000])


def test_messages_over_mqtt_are_decoded_or_refused(store: Store) -> None:
    """34,000 messages, a tenth of them with a damaged topic."""
    draw = random.Random(3)
    bodies = {kind: msgspec.json.encode(one) for kind, one in (("event", event()), ("health", health()))}
    passed: list[Received] = []
    for kind, body in bodies.items():
        for payload in damaged(draw, [body], 17_000):
            topic = f"lpr/gate/{kind}"
            if draw.random() < 0.1:
                topic = bytes_damaged(draw, topic.encode()).decode(errors="replace")
            try:
                passed.append(decode_message(topic, payload, "lpr")[1])
            except FatalError:
                continue
    assert len(passed) > 1000
    stored(store, passed[:1000])


def frame_damaged(draw: random.Random, frame: bytes) -> bytes:
    """*frame*, and never as it was."""
    while (out := bytes_damaged(draw, frame)) == frame:
        pass
    return out


def forged(draw: random.Random, frame: Frame) -> bytes:
    """*frame* with another kind, session, offset or payload, and a checksum that is right."""
    match draw.randrange(4):
        case 0:
            return encode(replace(frame, kind=draw.choice(list(Kind))))
        case 1:
            return encode(replace(frame, session=draw.choice((0, frame.session + 1, (1 << 32) - 1))))
        case 2:
            other = frame.offset + draw.choice((-101, -1, 1, 100, 4096, 1 << 31))
            return encode(replace(frame, offset=other % (1 << 32)))
        case _:
            return encode(replace(frame, payload=bytes_damaged(draw, frame.payload)[:240]))


def frames_of(number: int, item: bytes) -> list[Frame]:
    """A stream of one item."""
    stream = LENGTH.pack(len(item)) + item
    data = (Frame(Kind.DATA, number, at, stream[at : at + 100]) for at in range(0, len(stream), 100))
    return [Frame(Kind.OPEN, number, 0), *data]


def test_every_frame_on_a_serial_line_may_be_damaged(store: Store) -> None:
    """20,000 damaged frames, and each again as it was: all items arrive, half of them damaged themselves."""
    draw = random.Random(4)
    passed: list[Received] = []
    refused = frames = 0
    for number in range(2000):
        receiver, items = Receiver(), []
        content = next(damaged(draw, SMALL, 1)) if number % 2 else SMALL[0]
        for frame in frames_of(number, content):
            whole = encode(frame)
            items += receiver.feed(frame_damaged(draw, whole))
            # What was lost is sent again.
            items += receiver.feed(whole)
            frames += 1
        # Half a frame may wait for its other half.
        items += receiver.feed(bytes(300))
        receiver.store()
        receiver.reply()
        assert items == [content]
        try:
            passed.append(decode_one(content, "gate"))
        except FatalError:
            refused += 1
    assert frames > 15_000 and len(passed) > 900 and refused > 100
    stored(store, passed)


def test_forged_frames_on_a_serial_line_end_a_stream_at_worst() -> None:
    """15,000 of which the checksum is right: what follows them in a new stream arrives."""
    draw = random.Random(5)
    receiver = Receiver()
    for number in range(1, 2001):
        for frame in frames_of(number, next(damaged(draw, SMALL, 1))):
            for item in receiver.feed(forged(draw, frame)):
                with suppress(FatalError):
                    decode_one(item, "gate")
            receiver.store()
            receiver.reply()
        items = [
            item for frame in frames_of(1 << 20 | number, SMALL[0]) for item in receiver.feed(encode(frame))
        ]
        receiver.store()
        assert items == [SMALL[0]]
        assert receiver.reply()
