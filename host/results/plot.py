"""The table as pictures: accuracy against latency, and sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from host.results.schema import Results, Row
from lprnet.svg import document, line, text

_COLORS = ("#4878a8", "#d1783c", "#5f9e6e", "#8d6cab")
_WIDTH = 900


def scatter(results: Results, dataset: str) -> str:
    """Accuracy on *dataset* against the median latency, logarithmic, with each weights' Pareto front."""
    names = list(dict.fromkeys(row.weights for row in results.rows))
    rows = [row for row in results.rows if row.p50_ms and dataset in row.accuracy]
    left, right, top, bottom, height = 60, 200, 60, 44, 480
    times = [row.p50_ms or 1.0 for row in rows] or [1.0]
    start, stop = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times) * 1.01))
    # Whole tenths, and at least one of them.
    low = min(9, math.floor(10 * min((row.accuracy[dataset] for row in rows), default=0.0))) / 10

    def x(ms: float) -> float:
        return left + (math.log10(ms) - start) / (stop - start) * (_WIDTH - left - right)

    def y(share: float) -> float:
        return top + (1 - (share - low) / (1 - low)) * (height - top - bottom)

    body = [text(12, 24, f"Plates of {dataset} read right, and milliseconds per plate", 16, weight="700")]
    body.append(
        text(12, 44, f"{results.machine.cpu or results.machine.arch}, one thread, batch 1", 12, "#555")
    )
    for step in range(round(10 * low), 11):
        body += [line(left, y(step / 10), _WIDTH - right, y(step / 10))]
        body.append(text(left - 8, y(step / 10) + 4, f"{step / 10:.1f}", 12, anchor="end"))
    for power in range(start, stop + 1):
        body += [line(x(10.0**power), top, x(10.0**power), height - bottom)]
        body.append(text(x(10.0**power), height - bottom + 18, f"{10.0**power:g}", 12, anchor="middle"))
    for index, name in enumerate(names):
        own, color = [row for row in rows if row.weights == name], _COLORS[index % len(_COLORS)]
        points = " ".join(f"{x(r.p50_ms or 1):.1f},{y(r.accuracy[dataset]):.1f}" for r in front(own, dataset))
        body.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-dasharray="4 3"/>')
        for number, row in enumerate(own, 1):
            px, py = x(row.p50_ms or 1), y(row.accuracy[dataset])
            tip = escape(f"{row.name}: {row.p50_ms:.3f} ms, {row.accuracy[dataset]:.3f}")
            circle = f'<circle cx="{px:.1f}" cy="{py:.1f}" r="5" fill="{color}"'
            body.append(f"{circle}><title>{tip}</title></circle>")
            body.append(text(px + 7, py - 5 if number % 2 else py + 13, str(number), 11, color))
        body.append(text(_WIDTH - right + 14, top + 20 + 320 * index, name, 13, color, weight="700"))
        for number, row in enumerate(own, 1):
            label = f"{number} {row.name}"
            body.append(text(_WIDTH - right + 14, top + 20 + 320 * index + 15 * number, label, 9.5))
    return document(_WIDTH, height, body)


def front(rows: Sequence[Row], dataset: str) -> list[Row]:
    """The rows that no other one beats in both latency and accuracy, the fastest first."""
    best, kept = -1.0, []
    for row in sorted(rows, key=lambda r: (r.p50_ms or 0.0, -r.accuracy[dataset])):
        if row.accuracy[dataset] > best:
            best = row.accuracy[dataset]
            kept.append(row)
    return kept


def bars(results: Results) -> str:
    """Sizes on disk as horizontal bars, a group for each set of weights."""
    rows = [row for row in results.rows if row.bytes]
    names = list(dict.fromkeys(row.weights for row in rows))
    scale = (_WIDTH - 300 - 90) / max((row.bytes or 1 for row in rows), default=1)
    body = [text(12, 24, "Kilobytes on disk, without the runtime", 16, weight="700")]
    y = 44.0
    for index, name in enumerate(names):
        body.append(text(12, y + 12, name, 13, weight="700"))
        y += 20
        for row in (row for row in rows if row.weights == name):
            width = (row.bytes or 0) * scale
            body.append(text(292, y + 13, row.name, 12, anchor="end"))
            color = _COLORS[index % len(_COLORS)]
            body.append(f'<rect x="300" y="{y + 2}" width="{width:.1f}" height="14" fill="{color}"/>')
            body.append(text(306 + width, y + 13, f"{(row.bytes or 0) / 1e3:,.0f}", 12))
            y += 20
        y += 8
    return document(_WIDTH, round(y), body)
