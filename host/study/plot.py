"""The table as pictures: accuracy against latency, and sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from host.study.schema import Results, Row
from lprnet.svg import document, line, text

_COLORS = ("#4878a8", "#d1783c", "#5f9e6e", "#8d6cab")
_WIDTH, _PANEL = 900, 310
_STEPS, _SHOWN = (0.01, 0.02, 0.05), 0.2
"""Between the lines of accuracy, and how much of it is shown."""


def scatter(results: Results, dataset: str) -> str:
    """Accuracy on *dataset* against the median latency, logarithmic.

    Each weights have a panel with their Pareto front. What reads much less than the best one is drawn at the
    panel's lower edge, with its accuracy.
    """
    names = list(dict.fromkeys(row.weights for row in results.rows))
    rows = [row for row in results.rows if row.p50_ms and dataset in row.accuracy]
    times = [row.p50_ms or 1.0 for row in rows] or [1.0]
    decades = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times) * 1.01))
    body = [text(12, 24, f"Plates of {dataset} read right, and milliseconds per plate", 16, weight="700")]
    machine = results.machine.cpu or results.machine.arch
    body.append(text(12, 44, f"{machine}, one thread, batch 1; dashed: not beaten in both", 12, "#555"))
    for index, name in enumerate(names):
        own = [row for row in rows if row.weights == name]
        body += _panel(name, own, dataset, decades, 60 + index * _PANEL, _COLORS[index % len(_COLORS)])
    return document(_WIDTH, 60 + max(1, len(names)) * _PANEL, body)


def _panel(
    name: str, rows: Sequence[Row], dataset: str, decades: tuple[int, int], top: float, color: str
) -> list[str]:
    left, right, bottom = 60, 290, 54
    shares = [row.accuracy[dataset] for row in rows] or [1.0]
    shares = [share for share in shares if share > max(shares) - _SHOWN]
    step = next((s for s in _STEPS if (max(shares) - min(shares)) / s <= 6), _STEPS[-1])
    low, high = math.floor(min(shares) / step), math.ceil(max(shares) / step)
    low -= low == high

    def x(ms: float) -> float:
        start, stop = decades
        return left + (math.log10(ms) - start) / (stop - start) * (_WIDTH - left - right)

    def y(share: float) -> float:
        return top + 14 + (high - max(low, share / step)) / (high - low) * (_PANEL - 14 - bottom)

    body = [text(_WIDTH - right + 24, top + 18, name, 13, color, weight="700")]
    for tick in range(low, high + 1):
        body.append(line(left, y(tick * step), _WIDTH - right, y(tick * step)))
        body.append(text(left - 8, y(tick * step) + 4, f"{tick * step:.2f}", 12, anchor="end"))
    for power in range(decades[0], decades[1] + 1):
        body.append(line(x(10.0**power), y(high * step), x(10.0**power), y(low * step)))
        body.append(text(x(10.0**power), y(low * step) + 18, f"{10.0**power:g}", 12, anchor="middle"))
    points = " ".join(f"{x(r.p50_ms or 1):.1f},{y(r.accuracy[dataset]):.1f}" for r in front(rows, dataset))
    body.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-dasharray="4 3"/>')
    taken: list[tuple[float, float, int]] = []
    for number, row in enumerate(rows, 1):
        px, py = x(row.p50_ms or 1), y(row.accuracy[dataset])
        tip = escape(f"{row.name}: {row.p50_ms:.3f} ms, {row.accuracy[dataset]:.3f}")
        circle = f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4.5" fill="{color}" fill-opacity="0.8"'
        body.append(f"{circle}><title>{tip}</title></circle>")
        label = (
            str(number) if row.accuracy[dataset] >= low * step else f"{number} ({row.accuracy[dataset]:.2f})"
        )
        place = _free(taken, px, py, len(label), y(low * step))
        taken.append((*place, len(label)))
        body.append(text(*place, label, 10.5, color, anchor="middle"))
        body.append(text(_WIDTH - right + 24, top + 20 + 14.5 * number, f"{number} {row.name}", 11))
    return body


def _free(
    taken: Sequence[tuple[float, float, int]], x: float, y: float, length: int, floor: float
) -> tuple[float, float]:
    """Where a label of *length* characters near the point (x, y) covers none of *taken*, if there is a place.

    *taken* are the middles and the lengths of the labels that are there; below *floor* are the axis's.
    """
    places = [(x + dx, y + dy) for dy in (-8, 16, 4, -19, 27, -30) for dx in (0, 13, -13) if y + dy <= floor]
    for place in places:
        if all(abs(place[0] - a) > 1 + 3 * (n + length) or abs(place[1] - b) > 10 for a, b, n in taken):
            return place
    return places[0]


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
