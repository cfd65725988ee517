"""A benchmark as a picture."""

from __future__ import annotations

from matplotlib.figure import Figure

from host.bench.runtimes import OURS
from host.bench.schema import Bench, in_words
from host.bench.table import ordered
from lprnet.figure import PALETTE, QUIET, style

_COLORS = dict(zip(("fp32", "int8", "bf16", "fp16"), PALETTE, strict=True))
_WIDTH, _TOP, _BAR = 9.0, 0.75, 0.24
"""Inches."""


def bars(bench: Bench) -> Figure:
    """Horizontal bars of the median milliseconds with their quartiles, one group per number of threads."""
    rows = [row for row in ordered(bench.rows) if row.p50_ms is not None]
    settings = bench.settings
    # A row's place, downwards, and the headings' between the groups.
    places: list[float] = []
    headings: dict[int, float] = {}
    place = 0.0
    for row in rows:
        if row.threads not in headings:
            place += 0.6 if headings else 0.0
            headings[row.threads] = place
            place += 1
        places.append(place)
        place += 1
    height = _TOP + (max(1.0, place) + 0.5) * _BAR
    with style():
        figure = Figure(figsize=(_WIDTH, height))
        title = "Milliseconds per plate, median and quartiles"
        figure.text(0.015, 1 - 0.25 / height, title, fontsize=12, fontweight="bold", va="center")
        subtitle = (
            f"{bench.machine.cpu or bench.machine.arch}, batch 1, {settings.rounds} interleaved rounds of "
            f"{settings.inferences}, {settings.isa} instructions"
        )
        figure.text(0.015, 1 - 0.48 / height, subtitle, color=QUIET, va="center")
        axes = figure.add_axes((0.2, 0.02, 0.56, (height - _TOP) / height - 0.02))
        axes.set_ylim(max(1.0, place) - 0.4, -0.6)
        axes.set_yticks(places, [f"{row.runtime} {row.precision}" for row in rows])
        axes.tick_params(length=0)
        axes.xaxis.set_visible(False)
        axes.spines[["bottom", "left"]].set_visible(False)
        axes.grid(visible=False)
        for at, row, label in zip(places, rows, axes.get_yticklabels(), strict=True):
            ours, median = row.runtime == OURS, row.p50_ms or 0.0
            low, high = row.p25_ms or median, row.p75_ms or median
            label.set_fontweight("bold" if ours else "normal")
            color = _COLORS.get(row.precision, QUIET)
            axes.barh(at, median, height=0.72, color=color, alpha=1 if ours else 0.55)
            axes.plot((low, high), (at, at), color="black", linewidth=1)
            value = f"{median:.2f} ms"
            value += f"  ({row.ratio:.2f} × ORT fp32)" if row.ratio is not None else ""
            axes.annotate(value, (max(median, high), at), (5, 0), textcoords="offset points", va="center")
        axes.set_xlim(left=0)
        for threads, at in headings.items():
            axes.text(-0.02, at, in_words(threads), transform=axes.get_yaxis_transform(), ha="right",
                      va="center", fontweight="bold")  # fmt: skip
    return figure
