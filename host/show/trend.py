"""How a board has been doing over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from itertools import pairwise

import msgspec

from host.show.chart import Axis, Band, Chart, Line, Lines, Mark
from host.show.condition import throttled
from host.show.moments import Moment
from host.show.table import Table

TIME = Axis(label="UTC", scale="time")
ROWS = 60
"""Of a chart's table, spread over its time: a list of a week's minutes helps nobody."""

SWITCHES = 3
"""Of bundles, that are told in words."""


def trend(moments: Sequence[Moment], prefix: str = "trend", board: str = "") -> list[Chart]:
    """Throughput, temperature, latency and memory over time; charts without values are left out.

    Args:
        moments: of one board, by time.
        prefix: of the charts' names.
        board: stands in the titles, where a page shows several.
    """
    bands, marks = throttling_bands(moments), bundle_marks(moments)
    charts = [
        _chart(
            f"{prefix}-throughput",
            "Throughput",
            "Frames read a second, and frames that went by unread.",
            "frames/s",
            (("read", lambda m: m.frames_per_s), ("went by", lambda m: m.dropped_per_s)),
            moments,
        ),
        _chart(
            f"{prefix}-temperature",
            "Temperature and throttling",
            _throttling_words(bands),
            "°C",
            (("processor", lambda m: m.temperature_c),),
            moments,
            zero=False,
        ),
        _chart(
            f"{prefix}-latency",
            "Latency of a whole frame",
            "Within which half, and 99 %, of the frames of an interval were done.",
            "ms",
            (("p50", lambda m: m.p50_ms), ("p99", lambda m: m.p99_ms)),
            moments,
        ),
        _chart(
            f"{prefix}-memory",
            "Memory",
            "Resident of the program, and what is left on the board.",
            "MiB",
            (("program", lambda m: m.rss_mb), ("left", lambda m: m.available_mb)),
            moments,
        ),
    ]
    head = f"{board}: " if board else ""
    return [_marked(chart, head, bands, marks) for chart in charts if chart is not None]


def throttling_bands(moments: Sequence[Moment]) -> list[Band]:
    """Stretches in which something held the processor back, from one report to the next."""
    bands: list[Band] = []
    for i, moment in enumerate(moments):
        if not throttled(moment.throttling):
            continue
        stop = moments[i + 1].at if i + 1 < len(moments) else moment.at
        words = moment.throttling or ""
        if bands and bands[-1].stop == moment.at and bands[-1].label == words:
            bands[-1] = Band(start=bands[-1].start, stop=stop, label=words)
        else:
            bands.append(Band(start=moment.at, stop=stop, label=words))
    return bands


def bundle_marks(moments: Sequence[Moment]) -> list[Mark]:
    """Where another bundle began to run, or one that had run before."""
    marks = []
    ran: set[str] = set()
    for before, moment in pairwise(moments):
        ran.add(before.manifest_sha256)
        if before.manifest_sha256 != moment.manifest_sha256:
            back = "back to " if moment.manifest_sha256 in ran else ""
            marks.append(Mark(at=moment.at, label=f"{back}bundle {moment.manifest_sha256[:8]}"))
    return marks


def switches(moments: Sequence[Moment]) -> str:
    """When which bundle began to run, in words, the newest first; empty where none did."""
    marks = bundle_marks(moments)[: -SWITCHES - 1 : -1]
    return ". ".join(f"{utc(mark.at)} UTC: {mark.label}" for mark in marks)


def utc(seconds: float) -> str:
    """A time as tables have it."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def spread_out(count: int, most: int = ROWS) -> list[int]:
    """At most *most* of the numbers below *count*, evenly, the last one among them."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def _chart(
    name: str,
    title: str,
    summary: str,
    unit: str,
    values: Sequence[tuple[str, Callable[[Moment], float | None]]],
    moments: Sequence[Moment],
    *,
    zero: bool = True,
) -> Chart | None:
    lines = [
        Line(name=label, color=i, values=[_rounded(value(moment)) for moment in moments])
        for i, (label, value) in enumerate(values)
    ]
    lines = [line for line in lines if any(value is not None for value in line.values)]
    if not lines:
        return None
    chosen = spread_out(len(moments))
    skipped = f", {len(chosen)} of {len(moments)} reports" if len(chosen) < len(moments) else ""
    return Chart(
        name=name,
        title=title,
        summary=summary,
        drawing=Lines(
            x=[moment.at for moment in moments],
            x_axis=TIME,
            y_axis=Axis(label=unit, zero=zero),
            lines=lines,
            sync="time",
        ),
        table=Table(
            caption=f"{title}, {unit}{skipped}",
            headings=("time, UTC", *(line.name for line in lines), "throttling"),
            rows=[
                (
                    utc(moments[i].at),
                    *("–" if (v := line.values[i]) is None else f"{v:.1f}" for line in lines),
                    moments[i].throttling or "unknown",
                )
                for i in chosen
            ],
            words=frozenset({len(lines) + 1}),
        ),
        legend=[(line.color, line.name) for line in lines] if len(lines) > 1 else (),
    )


def _marked(chart: Chart, head: str, bands: Sequence[Band], marks: Sequence[Mark]) -> Chart:
    drawing = msgspec.structs.replace(chart.drawing, bands=bands, marks=marks)
    return replace(chart, title=head + chart.title, drawing=drawing)


def _throttling_words(bands: Sequence[Band]) -> str:
    if not bands:
        return "Of the processor; nothing held it back."
    labels = ", ".join(dict.fromkeys(band.label for band in bands))
    return f"Of the processor. Shaded: held back ({labels})."


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
