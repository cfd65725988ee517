"""Whatever comes in from outside is taken, or refused in one line: more than 100,000 cases.

Each test draws its own damage from a fixed seed, so that a failure comes again. `LPR_FUZZ=20` draws twenty
times as much.
"""

from __future__ import annotations

import json
import logging
import math
import os
import resource
import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import numpy as np
import pytest
import tomllib

from device_runtime.bundle import golden, locator_golden, manifest, signature
from device_runtime.bundle.manifest import ConfidenceInfo, Manifest
from device_runtime.configuration import Configuration, configure
from device_runtime.delivery import item, wire
from device_runtime.delivery.append import FileChannel
from device_runtime.delivery.channel import Unreachable
from device_runtime.delivery.destination import HttpDestination, parse_destination
from device_runtime.delivery.item import ITEM, MAX_ITEM_BYTES, Item
from device_runtime.delivery.link import Receiver, Sender
from device_runtime.delivery.post import HttpChannel
from device_runtime.delivery.record import seal, unseal
from device_runtime.delivery.spool import Spool
from device_runtime.follow.event import Direction, Event, OtherText
from device_runtime.locate.region import Region
from device_runtime.model.abi import mapped_library
from device_runtime.read.decoder import Decoder
from device_runtime.report.health import HEALTH
from device_runtime.report.report import REPORT
from device_runtime.schema import Format, from_table
from device_runtime.sources.settings import parse_size
from tests.device_runtime.delivery.spools import fill
from tests.device_runtime.mutation import CHUNKS, VALUES, Mutator, not_hanging, refused
from tests.reports import BARE, made

TIMES = int(os.environ.get("LPR_FUZZ", "1"))

MANIFEST: dict[str, Any] = {
    "schema_version": 3,
    "created_by": "lpr-edge 0.1.0",
    "target": {
        "name": "rpi4",
        "display_name": "Raspberry Pi 4",
        "arch": "aarch64",
        "triple": "aarch64-linux-gnu",
        "cpu": "cortex-a72",
        "cpu_features": ["asimd"],
        "glibc": "2.31",
    },
    "alphabet": ["A", "B", "-"],
    "blank": 2,
    "input": {"shape": [1, 3, 24, 94], "dtype": "float32", "layout": "NCHW"},
    "output": {"shape": [1, 3, 18], "dtype": "float32", "layout": "NCT"},
    "preprocess": {
        "height": 24,
        "width": 94,
        "color": "BGR",
        "interpolation": "linear",
        "mean": 127.5,
        "scale": 0.0078125,
    },
    "precision": "int8",
    "schedule": {"kind": "tuned", "convolutions": 10, "tuned": 10, "measurements": 0},
    "versions": {"tvm": "0.27", "tvm_ffi": "0.1", "linker": "gcc 12"},
    "checkpoint": {"name": "lprnet.safetensors", "sha256": "a" * 64},
    "macs": 1000,
    "parameters": 1000,
    "files": {
        name: {"sha256": "b" * 64, "bytes": 100}
        for name in ("model.so", "locator.so", "golden.bin", "locator_golden.bin")
    },
    "accuracy": [{"dataset": "x", "n": 10, "correct": 9, "accuracy": 0.9, "accuracy_without_province": 0.95}],
    "confidence": {"offset": -1, "characters": 0.5, "gap": 0.2, "grammar": 1, "width": 1, "least": 0.3},
    "golden": {"file": "golden.bin", "n": 2, "images_offset": 0, "logits_offset": 13536, "atol": 0.002},
    "locator": {
        "module": "locator.so",
        "precision": "int8",
        "schedule": {"kind": "tuned", "convolutions": 10, "tuned": 10, "measurements": 0},
        "checkpoint": {"name": "locator.safetensors", "sha256": "c" * 64},
        "find": {
            "height": 64,
            "width": 64,
            "area": 102400,
            "grid": 16,
            "least_height": 32,
            "least_width": 32,
            "channels": 11,
            "stride": 8,
            "macs": 1,
            "parameters": 1,
        },
        "refine": {
            "height": 64,
            "width": 128,
            "area": None,
            "grid": 16,
            "least_height": 64,
            "least_width": 128,
            "channels": 6,
            "stride": 4,
            "macs": 1,
            "parameters": 1,
        },
        "scoring": {"find": 1, "refine": 1, "offset": 0},
        "search": {"proposing": 0.1, "sure": 0.9, "clear": 0.8, "doubtful": 0.2, "threshold": 0.5},
        "golden": {
            "file": "locator_golden.bin",
            "atol": 0.002,
            "maps": [{"network": "find", "height": 32, "width": 32, "offset": 0}],
        },
    },
}
NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
EVENT = Event(
    id="0197b2e0-0000-7000-8000-000000000000",
    complete=True,
    text="京A12345",
    confidence=0.98,
    character_confidences=(0.9,) * 7,
    alternatives=(OtherText("京A12346", 0.1),),
    listed=None,
    readings=12,
    first_seen=NOON,
    last_seen=NOON,
    duration_s=1.5,
    clock_synchronized=True,
    direction=Direction(depth="towards"),
    source="camera 0#15",
    corners=((1.0, 2.0), (3.0, 2.0), (3.0, 4.0), (1.0, 4.0)),
    width=120.0,
)
ITEMS = [
    item.encode(
        Item(
            id=f"0197b2e0-0000-7000-8000-{number:012}",
            spool="0197b2e0-0000-7000-8000-00000000000a",
            sequence=number,
            kind=kind,
            time=NOON,
            body=body,
        )
    )
    for number, (kind, body) in enumerate(
        (("event", json.loads(msgspec.json.encode(EVENT))), ("report", {"a": [1.5]}), ("health", {})), 1
    )
]
REPORTS = [msgspec.json.encode(report) for report in (made(), BARE)]
HEALTHY: dict[str, Any] = {
    "health_version": 1,
    "run": "0197b2e0-0000-7000-8000-00000000000b",
    "created_at": "2026-01-02T12:00:00Z",
    "clock_synchronized": True,
    "uptime_s": 3600.5,
    "since_s": 60,
    "bundle": {"manifest_sha256": "a" * 64, "target": "rpi4", "precision": "int8"},
    "lpr_run": "0.1.0",
    "frames": 1500,
    "unreadable": 0,
    "plates": 30,
    "events": 4,
    "source": {
        **{"name": "rtsp://camera/1", "lost": False, "lost_s": 12.5},
        **dict.fromkeys(("dropped", "damaged", "losses", "reconnects"), 2),
    },
    "stages": {"total": {"n": 1500, "p50_ms": 9.5, "p90_ms": 11, "p99_ms": 15, "max_ms": 80}},
    "machine": {"model": "Raspberry Pi 4", "temperature_c": 61.2, "throttling": "none", "rss_mb": 90},
    "delivery": {
        "file:/x": {
            **dict.fromkeys(("spooled", "acknowledged", "refused", "damaged", "waited"), 5),
            "dropped": {"event": 0, "health": 3},
        }
    },
}
SETTINGS = b"""
[source]
camera = "rtsp://camera/1"
size = [1280, 720]
fps = 25.0
timeout = 5
[locate]
min_plate_width = 60
[reader]
bundle = "rpi4"
threads = 2
min_confidence = 0.5
[events]
delay = 1.5
closing = true
patience = 2.0
readings = 2
pattern = "[A-Z]{1,3}[0-9]+"
allow = ["A-123", "B 45"]
line = [0, 1, 100.0, 200]
picture_bytes = 1_000_000
[delivery]
events = "https://host/items"
"""


@pytest.fixture(autouse=True)
def bounds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing hangs, and nothing takes memory without bound."""
    monkeypatch.setattr(logging.getLogger("device_runtime"), "disabled", True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with not_hanging(request.node.name):
        yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert grown < 200, f"{grown} MiB"


def parsed(format: Format[Any], data: bytes) -> Any:
    """What *format* makes of *data*, which it must make again of what it writes."""
    value = refused(format.decode, data, "x")
    if value is not None:
        assert format.decode(msgspec.json.encode(value), "x") == value
    return value


def test_manifests() -> None:
    mutator, whole = Mutator(1), 0
    seed = [json.dumps(MANIFEST).encode()]
    for _ in range(15_000 * TIMES):
        data = mutator.json(MANIFEST, seed)
        found = refused(manifest.decode, data, "manifest.json")
        if found is not None:
            whole += 1
            assert manifest.decode(manifest.encode(found), "x") == found
            assert not any(name.startswith("/") or ".." in name.split("/") for name in found.files)
            _golden_values(found)
    assert 500 * TIMES < whole < 12_000 * TIMES


def _golden_values(found: Manifest) -> None:
    """Wherever a manifest says that they lie in files that are as they were."""
    refused(golden.decode, bytes(20_000), found, "golden.bin")
    locator = found.locator
    if locator is not None:
        refused(locator_golden.decode, bytes(5000), locator, "locator_golden.bin")


def test_reports() -> None:
    mutator = Mutator(2)
    seeds = [json.loads(report) for report in REPORTS]
    whole = sum(
        parsed(REPORT, mutator.json(mutator.random.choice(seeds), REPORTS)) is not None
        for _ in range(7000 * TIMES)
    )
    assert 300 * TIMES < whole < 6500 * TIMES


def test_health_reports() -> None:
    mutator, texts = Mutator(6), [json.dumps(HEALTHY).encode()]
    whole = sum(parsed(HEALTH, mutator.json(HEALTHY, texts)) is not None for _ in range(6000 * TIMES))
    assert 300 * TIMES < whole < 5500 * TIMES


def test_items() -> None:
    mutator = Mutator(3)
    seeds = [json.loads(data) for data in ITEMS]
    whole = sum(
        parsed(ITEM, mutator.json(mutator.random.choice(seeds), ITEMS)) is not None
        for _ in range(15_000 * TIMES)
    )
    assert 500 * TIMES < whole < 12_000 * TIMES


def test_events() -> None:
    mutator, seed, whole = Mutator(4), json.loads(msgspec.json.encode(EVENT)), 0
    for _ in range(12_000 * TIMES):
        data = mutator.json(seed, ITEMS)
        try:
            event = msgspec.json.decode(data, type=Event)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        whole += 1
        assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
    assert 500 * TIMES < whole < 10_000 * TIMES


@pytest.mark.filterwarnings("error:Possible:FutureWarning")
def test_settings(tmp_path: Path) -> None:
    mutator, path, whole = Mutator(5), tmp_path / "lpr.toml", 0
    for _ in range(6000 * TIMES):
        path.write_bytes(mutator.damaged(SETTINGS, (*CHUNKS, SETTINGS)))
        whole += refused(configure, path) is not None
    assert 200 * TIMES < whole < 5000 * TIMES
    sections, seed = get_type_hints(Configuration), tomllib.loads(SETTINGS.decode())
    for _ in range(6000 * TIMES):
        name = mutator.random.choice(sorted(seed))
        table = mutator.wrong(seed[name])
        refused(partial(from_table, sections[name], table, name, todo="correct it"))


def test_frames_on_a_line() -> None:
    """What is whole is found between what is not."""
    mutator = Mutator(7)
    payload = bytes(range(200))
    frames = [
        wire.Frame(kind, 7, offset, payload[:n]) for kind in wire.Kind for offset, n in ((0, 0), (9, 99))
    ]
    lines = [wire.encode(frame) for frame in frames]
    found = 0
    for _ in range(15_000 * TIMES):
        damaged = mutator.damaged(b"".join(mutator.random.sample(lines, 3)), lines)
        decoder = wire.Decoder()
        got = decoder.feed(damaged) + decoder.feed(bytes(300) + lines[3])
        assert got[-1] == frames[3] and decoder.noise <= len(damaged) + 300
        assert all(len(frame.payload) <= wire.MAX_PAYLOAD for frame in got)
        found += len(got)
        for frame in got:
            wire.decode_acknowledgement(frame)
    assert found > 15_000 * TIMES


def frame(mutator: Mutator, session: int, span: int, kinds: Sequence[int]) -> bytes:
    """One with a right checksum and anything in it, near what makes sense."""
    draw = mutator.random
    offset = draw.choice((0, 1, draw.randrange(span), draw.randrange(span), wire.MAX_OFFSET, 70_000))
    payload = draw.choice((b"", draw.randbytes(4), draw.randbytes(draw.randrange(wire.MAX_PAYLOAD + 1))))
    if draw.random() < 0.3:
        ends = sorted(draw.sample(range(1, 5000), 2 * draw.randrange(1, 9)))
        payload = wire.LENGTH.pack(draw.choice((0, offset, span))) + b"".join(
            e.to_bytes(2, "big") for e in ends
        )
    if draw.random() < 0.3:
        payload = (
            wire.LENGTH.pack(draw.choice((0, 1, 100, MAX_ITEM_BYTES, MAX_ITEM_BYTES + 1))) + payload[:200]
        )
    return wire.encode(wire.Frame(draw.choice(kinds), draw.choice((session, session, 1)), offset, payload))


def test_what_a_host_receives() -> None:
    mutator, receiver = Mutator(8), Receiver()
    for case in range(15_000 * TIMES):
        if case % 500 == 0:
            receiver.feed(wire.encode(wire.Frame(wire.Kind.OPEN, case % 3, 0)))
        data = frame(mutator, case // 500 * 500 % 3, 20_000, tuple(wire.Kind))
        items = receiver.feed(data if case % 4 else mutator.damaged(data))
        assert all(len(data) <= MAX_ITEM_BYTES for data in items)
        receiver.store()
        assert len(receiver.reply()) <= 2 * wire.OVERHEAD + wire.MAX_PAYLOAD


def test_what_a_board_is_answered() -> None:
    """Nothing counts as stored that was not offered, and nothing twice."""
    mutator = Mutator(9)
    sender, key, stored = Sender(new_session=lambda: 5), 0, 0
    for case in range(12_000 * TIMES):
        if sender.offer(key, bytes(case % 300)):
            key += 1
        assert len(sender.send(case / 10)) < 1000
        data = frame(mutator, 5, 8000, (wire.Kind.ACK,) * 50 + (wire.Kind.RESTART,))
        for number in sender.feed(data if case % 4 else mutator.damaged(data), case / 10):
            assert number == stored
            stored += 1
    assert key - stored == sender.outstanding and stored > 0


def test_spools(tmp_path: Path) -> None:
    mutator = Mutator(10)
    with_items = Spool(tmp_path / "whole")
    fill(with_items, 3)
    fill(with_items, 2, "health")
    with_items.acknowledge(with_items.after(0, 2, 1000))
    with_items.close()
    files = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    folder = tmp_path / "damaged"
    folder.mkdir()
    for _ in range(700 * TIMES):
        for path in folder.iterdir():
            path.unlink()
        for name, data in files.items():
            changed = data
            if mutator.random.random() < 0.5:
                changed = mutator.damaged(data, list(files.values()))
            elif mutator.random.random() < 0.5:
                # With right checksums, as only a program can have written it.
                texts = [mutator.damaged(text, CHUNKS).replace(b"\n", b"") for text in unseal(data)[0]]
                changed = b"".join(map(seal, texts))
            (folder / name).write_bytes(changed)
        spool = refused(Spool, folder)
        if spool is None:
            continue
        last = spool.last_sequence
        (entry,) = fill(spool, 1)
        assert entry.sequence == last + 1
        left = spool.after(0, 100, 1 << 20)
        assert entry in left
        spool.acknowledge(left)
        spool.close()


def test_files_of_items(tmp_path: Path) -> None:
    """A file that events are appended to may hold anything before."""
    mutator = Mutator(11)
    spool = Spool(tmp_path / "spool")
    for case in range(500 * TIMES):
        path = tmp_path / f"{case}.jsonl"
        before = mutator.damaged(b"\n".join(ITEMS) + b"\n", ITEMS)
        path.write_bytes(before)
        (entry,) = fill(spool, 1)
        channel = FileChannel(path)
        channel.step(spool)
        channel.close()
        assert path.read_bytes().endswith(b"\n" + entry.data + b"\n") or b"\n" not in before
        path.unlink()
    spool.close()


def test_answers_of_a_host(tmp_path: Path) -> None:
    mutator = Mutator(12)
    spool = Spool(tmp_path / "spool")
    (entry,) = fill(spool, 1)
    body = json.dumps({"accepted": [], "refused": [{"id": "x", "why": "y"}]}).encode()
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRetry-After: 7\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
        len(body),
        body,
    )
    server = socket.create_server(("127.0.0.1", 0), backlog=100)
    answers = [mutator.damaged(mutator.random.choice((answer, chunked)), CHUNKS) for _ in range(1000 * TIMES)]

    def serve() -> None:
        for data in answers:
            with server.accept()[0] as connection:
                try:
                    connection.recv(1 << 16)
                    connection.sendall(data)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    channel = HttpChannel(HttpDestination("http", "127.0.0.1", server.getsockname()[1], "/items"))
    for _ in answers:
        try:
            channel.step(spool)
        except Unreachable as error:
            assert "\n" not in str(error) and 0 <= error.after_s <= 3600
        channel.close()
        if spool.empty:
            # An answer that refuses the id may have come out of the damage: take it as the word of the host.
            (entry,) = fill(spool, 1)
    thread.join(10)
    server.close()
    assert not thread.is_alive() and spool.after(0, 9, 9999) == [entry]
    spool.close()


def test_signatures_and_keys(tmp_path: Path) -> None:
    mutator = Mutator(13)
    key = signature.PublicKey(bytes(8), bytes(32))
    written = signature.Signature(bytes(8), bytes(64)).encode()
    lines = f"# office\nuntrusted comment: x\n{key.text}\n".encode()
    for _ in range(5000 * TIMES):
        data = mutator.damaged(written, (lines,))
        refused(signature.decode, data, "manifest.sig")
        text = mutator.damaged(lines, (written,)).decode("utf-8", "replace")
        keys = refused(signature.parse_keys, text, "keys")
        assert keys is None or all(len(one.key) == 32 for one in keys)


def test_what_a_user_types() -> None:
    mutator = Mutator(14)
    destinations = (
        b"file:/a/b",
        b"serial:/dev/ttyS0@115200",
        b"https://host.example:8443/items?a=b",
        b"http://[::1]/",
    )
    regions = (b"10,20,300,400", b"1,2,3,4,5,6,7,8")
    for _ in range(4000 * TIMES):
        text = mutator.damaged(mutator.random.choice(destinations), destinations).decode("utf-8", "replace")
        found = refused(parse_destination, text)
        assert found is None or str(found).isprintable()
        text = mutator.damaged(mutator.random.choice(regions), regions).decode("utf-8", "replace")
        refused(Region.parse, text, also=ValueError)
        refused(parse_size, text, also=ValueError)


def test_what_the_kernel_says() -> None:
    mutator = Mutator(15)
    maps = b"7f00-7f10 r-xp 0 fd:01 3 /opt/a b/libtvm_ffi.so\n7f10-7f20 r--p 0 00:01 4 /memfd:x (deleted)\n"
    for _ in range(3000 * TIMES):
        mapped_library("libtvm_ffi.so", mutator.damaged(maps, (maps,)).decode("utf-8", "replace"))


def test_what_a_network_says() -> None:
    """Logits of any kind give a confidence from 0 to 1, or a text of nothing."""
    draw = np.random.default_rng(16)
    alphabet = (*"京沪ABCDEFGH0123456789", "-")
    numbers = [value for value in VALUES if isinstance(value, float)]
    for case in range(1500 * TIMES):
        offset, characters, gap = (float(draw.choice((0, 1, -1, 1e9, -1e9))) for _ in range(3))
        info = ConfidenceInfo(
            offset=offset,
            characters=characters,
            gap=gap,
            grammar=1e9,
            width=-1,
            least=0.5,
        )
        decoder = Decoder(alphabet, len(alphabet) - 1, info, use_grammar=case % 8 == 0)
        logits = (draw.standard_normal((len(alphabet), 18)) * draw.choice((1, 100, 1e30))).astype(np.float32)
        places = draw.integers(0, logits.size, case % 4)
        with np.errstate(all="ignore"):
            logits.flat[places] = np.asarray([numbers[i % len(numbers)] for i in places], np.float32)
            decoded = decoder.decode(logits, float(draw.choice((0, 1, 94, 1e9, -1))))
        if np.isfinite(logits).all():
            assert math.isfinite(decoded.confidence) and 0 <= decoded.confidence <= 1
