"""A fleet's reports, health and events, as boards send them, plausible and the same each time."""

from __future__ import annotations

import base64
import math
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import msgspec
import numpy as np

from device_runtime.delivery.item import Item, encode
from device_runtime.follow.event import Direction, Event, OtherText
from device_runtime.report.health import DeliveryHealth, Health, Machine, RunningBundle, SourceHealth, Spread
from device_runtime.report.report import Report
from device_runtime.sources.files import label_of
from tests.reports import made

SAMPLES = sorted(Path("lprnet/samples").glob("*.png"))
"""Rendered plates, named by what they say."""

NOW = datetime(2026, 11, 26, 11, 0, tzinfo=timezone.utc)
NASTY = '<b>gate</b> & "it\'s"'
"""A board's name that is text, not HTML."""

BUNDLES = ("a" * 64, "b" * 64)


def item(kind: str, body: msgspec.Struct, time: datetime, number: int, crop: bytes | None = None) -> bytes:
    """An item as it is sent; the same *kind* and *number* give the same id."""
    fields = msgspec.to_builtins(body)
    if crop is not None:
        fields["crop"] = base64.b64encode(crop).decode()
    spool = str(uuid.uuid5(uuid.NAMESPACE_URL, "spool"))
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind} {number}"))
    return encode(Item(id=name, spool=spool, sequence=number + 1, kind=kind, time=time, body=fields))


def health_of(
    board: int, hours: float = 24.0, every_s: float = 300.0, now: datetime = NOW, last: bool = False
) -> Iterator[Health]:
    """A day of a board: throttled at noon, a new bundle in the middle, a camera that goes away."""
    rng = np.random.default_rng(board)
    count = int(hours * 3600 / every_s)
    frames = dropped = 0
    for i in range(count):
        at = now - timedelta(seconds=(count - 1 - i) * every_s)
        warm = max(math.sin((at.hour + at.minute / 60 - 6) / 24 * 2 * math.pi), 0.0)
        temperature = 46 + (34 if board % 5 == 3 else 22) * warm + board % 4 + rng.normal(0, 0.7)
        held = temperature > 78
        bundle = i >= count // 2
        ms = (42.0 if bundle else 55.0) * (1.5 if held else 1.0) * rng.normal(1, 0.02)
        rate = min(1000 / ms, 15.0)
        frames += int(rate * every_s)
        dropped += int((15 - rate) * every_s / 15)
        yield Health(
            run=str(uuid.uuid5(uuid.NAMESPACE_URL, f"run {board}")),
            last=last and i == count - 1,
            created_at=at,
            clock_synchronized=board % 7 != 5,
            uptime_s=(i + 1) * every_s,
            since_s=every_s,
            bundle=RunningBundle(manifest_sha256=BUNDLES[bundle], target="rpi5", precision="int8"),
            lpr_run="0.1.0",
            frames=frames,
            unreadable=0,
            plates=frames // 9,
            events=frames // 400,
            source=SourceHealth(
                name="rtsp://camera/stream",
                lost=board % 9 == 4,
                dropped=dropped,
                damaged=board,
                losses=board % 3,
                reconnects=board % 3 - (board % 9 == 4) if board % 3 else 0,
                lost_s=12.5 * (board % 3),
            ),
            stages={
                stage: Spread(n=int(rate * every_s), p50_ms=t, p90_ms=t * 1.2, p99_ms=t * 1.7, max_ms=t * 3)
                for stage, t in (
                    ("read", 6.0), ("locate", ms * 0.6), ("rectify", 0.4), ("preprocess", 0.05),
                    ("infer", ms * 0.15), ("decode", 0.1), ("total", ms), ("delay", ms * 1.4),
                )
            },
            machine=Machine(
                model="Raspberry Pi 5 Model B",
                temperature_c=round(temperature, 1),
                throttling="soft temperature limit" if held else "none",
                rss_mb=118 + board,
                available_mb=40 if board % 8 == 3 else 2900 - board,
                spool_free_mb=9000,
                uptime_s=86400.0 * 30,
            ),
            delivery={
                "https://host.example": DeliveryHealth(
                    spooled=frames // 400,
                    acknowledged=frames // 400,
                    dropped={"health": 0},
                    refused=0,
                    damaged=0,
                    waited=0,
                )
            },
        )  # fmt: skip


def event_of(number: int, text: str, now: datetime = NOW, **changes: object) -> Event:
    """A passage, some minutes before *now*; *changes* replace fields."""
    rng = np.random.default_rng(number)
    seen = now - timedelta(seconds=90.0 * number + 12)
    confidences = [round(float(c), 3) for c in rng.uniform(0.8, 1.0, len(text))]
    other = text.replace("8", "B").replace("0", "D") if number % 3 == 0 else ""
    plain = Event(
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"passage {number}")),
        complete=number % 2 == 0,
        text=text,
        confidence=min(confidences, default=0.0),
        character_confidences=tuple(confidences),
        alternatives=(OtherText(other, 0.12),) if other not in ("", text) else (),
        listed=None,
        readings=int(rng.integers(2, 40)),
        first_seen=seen,
        last_seen=seen + timedelta(seconds=2.4),
        duration_s=2.4,
        clock_synchronized=True,
        direction=Direction(depth="towards" if number % 2 else "away", across="left" if number % 3 else None),
        source=f"rtsp://camera/stream#{number * 31}",
        corners=((812.0, 455.0), (1025.0, 455.0), (1025.0, 525.0), (812.0, 525.0)),
        width=213.0,
    )
    return msgspec.structs.replace(plain, **changes)


def events(count: int, now: datetime = NOW) -> Iterator[tuple[Event, bytes | None]]:
    """Passages of rendered plates, newest first; each fifth has no picture, each eleventh no text."""
    for number in range(count):
        path = SAMPLES[number % len(SAMPLES)]
        text = "" if number % 11 == 10 else label_of(path)
        yield event_of(number, text, now), None if number % 5 == 4 else picture(path)


def picture(path: Path) -> bytes:
    """A rendered plate as JPEG."""
    image = cv2.imread(str(path))
    assert image is not None
    large = cv2.resize(image, (282, 72), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", large)[1].tobytes()


def benchmark_reports(count: int = 4) -> list[Report]:
    """Of one board with several bundles, one after another, and of others."""
    reports = []
    for i, (precision, megabytes, ms) in enumerate(
        (
            ("fp32", 1.9, 9.5),
            ("fp16", 0.96, 6.1),
            ("int8", 0.48, 3.2),
            ("int8", 0.27, 2.4),
            ("bf16", 1.0, 7.7),
        )
    ):
        if i == count:
            break
        report = made("Raspberry Pi 5 Model B" if i < 4 else "Rock 5B", ms, 500)
        bundle = msgspec.structs.replace(
            report.bundle,
            precision=precision,
            model_bytes=int(megabytes * 1e6),
            manifest_sha256=f"{i:064x}",
            checkpoint="tiny.safetensors" if i == 3 else "lprnet.safetensors",
        )
        reports.append(
            msgspec.structs.replace(report, bundle=bundle, created_at=f"2026-11-{20 + i}T08:00:00+00:00")
        )
    return reports
