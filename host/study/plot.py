"""The table as pictures: accuracy against latency, and sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from host.study.schema import Results, StudyRow
from lprnet.figure import PALETTE, QUIET, Label, label_points, style

KINDS = ("PyTorch", "TVM", "everything together")
"""What the names of rows begin with; each has a colour and a marker."""
SHOWN = 0.2
"""How far below the best row accuracy is drawn to scale."""
_STRIP = 0.33
"""Height of the strip for what reads less, of the scale's."""
_COLORS = dict(zip(KINDS, PALETTE, strict=False))
_MARKERS = dict(zip(KINDS, ("o", "s", "D"), strict=True))
_STEPS = (0.01, 0.02, 0.05)
"""Between the lines of accuracy."""
_WIDTH, _TOP, _PANEL, _BAR = 9.0, 0.65, 3.25, 0.2
"""Inches."""


def scatter(results: Results, dataset: str) -> Figure:
    """Accuracy on *dataset* against the median latency, logarithmic.

    Each weights have a panel with their Pareto front. What reads much less than the best one is drawn in a
    strip below the scale, with its accuracy.
    """
    names = list(dict.fromkeys(row.weights for row in results.rows))
    rows = [row for row in results.rows if row.p50_ms and dataset in row.accuracy]
    times = [row.p50_ms or 1.0 for row in rows] or [1.0]
    limits = 10.0 ** math.floor(math.log10(min(times))), 10.0 ** math.ceil(math.log10(max(times) * 1.01))
    height = _TOP + max(1, len(names)) * _PANEL
    with style():
        figure = Figure(figsize=(_WIDTH, height))
        machine = results.machine.cpu or results.machine.arch
        _title(
            figure,
            f"Plates of {dataset} read right, and milliseconds per plate",
            f"{machine}, one thread, batch 1; dashed: not beaten in both",
        )
        for index, name in enumerate(names):
            bottom = height - _TOP - (index + 1) * _PANEL
            axes = figure.add_axes((0.065, (bottom + 0.55) / height, 0.54, (_PANEL - 0.85) / height))
            axes.set_xscale("log")
            axes.set_xlim(*limits)
            _panel(axes, name, [row for row in rows if row.weights == name], dataset)
    return figure


def _panel(axes: Axes, name: str, rows: Sequence[StudyRow], dataset: str) -> None:
    shares = [row.accuracy[dataset] for row in rows] or [1.0]
    shares = [share for share in shares if share > max(shares) - SHOWN]
    step = next((s for s in _STEPS if (max(shares) - min(shares)) / s <= 6), _STEPS[-1])
    low, high = math.floor(min(shares) / step), math.ceil(max(shares) / step)
    low -= low == high
    bottom, top = low * step, high * step
    unread = any(row.accuracy[dataset] < bottom for row in rows)
    strip = _STRIP * (top - bottom) if unread else 0.0
    axes.set_ylim(bottom - strip, top)
    axes.set_yticks([place * step for place in range(low, high + 1)])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.2f}"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(name, loc="left", fontweight="bold", fontsize=10)
    axes.set_xlabel("ms", color=QUIET, loc="right", labelpad=1)

    def point(row: StudyRow) -> tuple[float, float]:
        share = row.accuracy[dataset]
        return row.p50_ms or 0.0, share if share >= bottom else bottom - strip / 4

    best = [point(row) for row in front(rows, dataset)]
    axes.plot([ms for ms, _ in best], [share for _, share in best], "--", color=QUIET, linewidth=0.9)
    labels = []
    for number, row in enumerate(rows, 1):
        color, share = _COLORS[_kind(row)], row.accuracy[dataset]
        axes.plot(*point(row), _MARKERS[_kind(row)], color=color, markersize=5.5, clip_on=False)
        text = f"{number}" if share >= bottom else f"{number} ({share:.2f})"
        labels.append(Label(point(row), text, color, below=share < bottom))
    label_points(axes, labels)
    for number, row in enumerate(rows, 1):
        place = 1.0 - (number - 0.5) / 14
        color = _COLORS[_kind(row)]
        axes.text(1.075, place, f"{number}", transform=axes.transAxes, ha="right", va="center", color=color)
        axes.text(1.09, place, row.name, transform=axes.transAxes, va="center", color=color)


def front(rows: Sequence[StudyRow], dataset: str) -> list[StudyRow]:
    """The rows that no other one beats in both latency and accuracy, the fastest first."""
    best, kept = -1.0, []
    for row in sorted(rows, key=lambda r: (r.p50_ms or 0.0, -r.accuracy[dataset])):
        if row.accuracy[dataset] > best:
            best = row.accuracy[dataset]
            kept.append(row)
    return kept


def bars(results: Results) -> Figure:
    """Sizes on disk as horizontal bars, a group for each set of weights."""
    rows = [row for row in results.rows if row.bytes]
    names = list(dict.fromkeys(row.weights for row in rows))
    places: list[float] = []
    headings: dict[str, float] = {}
    place = 0.0
    for name in names:
        headings[name] = place
        for _ in (row for row in rows if row.weights == name):
            place += 1
            places.append(place)
        place += 1.6
    ordered = [row for name in names for row in rows if row.weights == name]
    sizes = [(row.bytes or 0) / 1e3 for row in ordered]
    height = _TOP + (max(1.0, place) + 0.4) * _BAR
    with style():
        figure = Figure(figsize=(_WIDTH, height))
        _title(figure, "Kilobytes on disk, without the runtime")
        axes = figure.add_axes((0.32, 0.02, 0.62, (height - _TOP + 0.25) / height - 0.02))
        axes.barh(places, sizes, height=0.72, color=[_COLORS[_kind(row)] for row in ordered])
        axes.set_ylim(place - 0.9, -0.6)
        axes.set_yticks(places, [row.name for row in ordered])
        axes.tick_params(length=0)
        axes.xaxis.set_visible(False)
        axes.spines[["bottom", "left"]].set_visible(False)
        axes.grid(visible=False)
        for at, size in zip(places, sizes, strict=True):
            axes.annotate(f"{size:,.0f}", (size, at), (4, 0), textcoords="offset points", va="center")
        for name, at in headings.items():
            axes.text(-0.02, at, name, transform=axes.get_yaxis_transform(), ha="right", va="center",
                      fontweight="bold")  # fmt: skip
    return figure


def _title(figure: Figure, title: str, subtitle: str = "") -> None:
    height = figure.get_figheight()
    figure.text(0.015, 1 - 0.25 / height, title, fontsize=12, fontweight="bold", va="center")
    figure.text(0.015, 1 - 0.48 / height, subtitle, color=QUIET, va="center")


def _kind(row: StudyRow) -> str:
    return next((kind for kind in KINDS if row.name.startswith(kind)), KINDS[0])
