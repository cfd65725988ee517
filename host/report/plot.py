"""The page's plots, as SVG that takes its colours from the page's style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from device_runtime.timing import Distribution

STAGES = ("read", "locate", "rectify", "preprocess", "infer", "decode")
SERIES_COLORS = 8


@dataclass(frozen=True)
class Curve:
    """One report's latencies in one stage; `series` picks the colour."""

    name: str
    series: int
    latencies: Distribution


@dataclass(frozen=True)
class Bar:
    """Median milliseconds of each stage of one report, and of the whole."""

    name: str
    medians_ms: dict[str, float]
    total_ms: float


def cumulative(curves: Sequence[Curve], width: int = 420, height: int = 240) -> str:
    """Share of frames done within a time, a step curve each, time on a logarithmic axis."""
    left, right, top, bottom = 44, 14, 10, 34
    low = min(c.latencies.min_ms for c in curves)
    high = max(c.latencies.max_ms for c in curves)
    # At least a factor of two, so that a steady stage does not look wild.
    middle, spread = math.sqrt(max(low, 1e-5) * max(high, 1e-5)), max(high / max(low, 1e-5), 2.0) * 1.1
    start, stop = math.log10(middle / math.sqrt(spread)), math.log10(middle * math.sqrt(spread))

    def x(ms: float) -> float:
        return left + (math.log10(max(ms, 1e-5)) - start) / (stop - start) * (width - left - right)

    def y(percent: float) -> float:
        return top + (1 - percent / 100) * (height - top - bottom)

    parts = [_open(width, height, "Share of frames done within a time")]
    for percent in (0, 50, 90, 99):
        parts.append(_line(left, y(percent), width - right, y(percent), "grid"))
    for percent, shift in ((0, 0), (50, 0), (90, 4), (99, -4)):
        parts.append(_text(left - 6, y(percent) + 4 + shift, f"{percent} %", "end"))
    for tick in log_ticks(start, stop):
        parts.append(_line(x(tick), top, x(tick), height - bottom, "grid"))
        parts.append(_text(x(tick), height - bottom + 16, f"{tick:g}", "middle"))
    parts.append(_text(width - right, height - 4, "milliseconds", "end"))
    for curve in curves:
        points = " ".join(
            f"{x(ms):.1f},{y(percent):.1f}" for percent, ms in enumerate(curve.latencies.percentiles_ms)
        )
        d = curve.latencies
        tip = f"{curve.name}: p50 {d.p50_ms:.3f}, p90 {d.p90_ms:.3f}, p99 {d.p99_ms:.3f} ms, n = {d.n}"
        parts.append(
            f'<g class="s{curve.series % SERIES_COLORS}"><title>{escape(tip)}</title>'
            f'<polyline class="hit" points="{points}"/><polyline class="curve" points="{points}"/></g>'
        )
    return "".join([*parts, "</svg>"])


def stacked(bars: Sequence[Bar], width: int = 900) -> str:
    """Medians of the stages, one bar a report, its parts side by side from zero."""
    left, right, row, top, bottom = 16, 90, 52, 6, 30
    height = top + row * len(bars) + bottom
    longest = max(sum(bar.medians_ms.values()) for bar in bars) or 1.0
    scale = (width - left - right) / longest
    parts = [_open(width, height, "Median time of each stage")]
    for tick in linear_ticks(longest):
        parts.append(_line(left + tick * scale, top, left + tick * scale, height - bottom, "grid"))
        parts.append(_text(left + tick * scale, height - bottom + 16, f"{tick:g}", "middle"))
    parts.append(_text(width - right + 44, height - bottom + 16, "milliseconds", "middle"))
    for index, bar in enumerate(bars):
        upper, at = top + index * row, float(left)
        parts.append(_text(left, upper + 16, bar.name, "start", "name"))
        for stage in STAGES:
            if stage in bar.medians_ms:
                length = bar.medians_ms[stage] * scale
                parts.append(
                    f'<rect class="{stage}" x="{at:.1f}" y="{upper + 22}" width="{length:.1f}" height="20">'
                    f"<title>{escape(bar.name)}: {stage} {bar.medians_ms[stage]:.3f} ms</title></rect>"
                )
                at += length
        parts.append(_text(at + 6, upper + 37, f"{bar.total_ms:.2f} ms", "start", "value"))
    return "".join([*parts, "</svg>"])


def _open(width: int, height: int, label: str) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def log_ticks(start: float, stop: float) -> list[float]:
    """1, 2 and 5 times powers of ten within the decades, thinned to at most eight."""
    decades = range(math.floor(start), math.ceil(stop) + 1)
    ticks = [m * 10.0**e for e in decades for m in (1, 2, 5) if start <= math.log10(m * 10.0**e) <= stop]
    if len(ticks) > 8:
        ticks = [t for t in ticks if math.isclose(math.log10(t) % 1, 0, abs_tol=1e-9)]
    if len(ticks) < 2:
        ticks = [float(f"{10 ** (start + (stop - start) * f):.2g}") for f in (0.1, 0.5, 0.9)]
    return ticks


def linear_ticks(longest: float) -> list[float]:
    """Round numbers from 0 to at most *longest*, ten at most."""
    step = 10.0 ** math.floor(math.log10(longest))
    step *= next(factor for factor in (0.2, 0.5, 1.0) if longest / (step * factor) <= 6 or factor == 1.0)
    return [float(f"{index * step:.6g}") for index in range(math.floor(longest / step) + 1)]
