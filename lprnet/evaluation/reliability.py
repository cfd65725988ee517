"""Reliability diagram: how often plates are right that are read with some confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lprnet.evaluation.evaluate import Bin, calibration_error
from lprnet.figure import PALETTE, QUIET, style, svg

_SIDE, _LEFT, _BOTTOM, _TOP, _RIGHT = 3.4, 0.6, 0.55, 0.65, 0.35
"""Inches: of a square, and of the room around it."""


def draw(panels: Mapping[str, Sequence[Bin]]) -> bytes:
    """An SVG with a square for each data set, side by side.

    A point for each bin, at its mean confidence and the share of its plates read right, with their number; a
    line joins it to the diagonal, where a reader that knows its chances would put it.
    """
    width, height = len(panels) * (_LEFT + _SIDE + _RIGHT), _BOTTOM + _SIDE + _TOP
    with style():
        figure = Figure(figsize=(width, height))
        for place, (name, bins) in enumerate(panels.items()):
            left = _LEFT + place * (_LEFT + _SIDE + _RIGHT)
            axes = figure.add_axes(
                (left / width, _BOTTOM / height, _SIDE / width, _SIDE / height), label=f"panel{place}"
            )
            _panel(axes, name, bins)
        return svg(figure)


def _panel(axes: Axes, name: str, bins: Sequence[Bin]) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share read right")
    n, error = sum(b.n for b in bins), calibration_error(bins)
    axes.text(0, 1.09, name, fontsize=12, fontweight="bold", parse_math=False)
    axes.text(0, 1.03, f"n = {n}, expected calibration error {error:.3f}", color=QUIET)
    axes.plot((0, 1), (0, 1), color=QUIET, linewidth=1, gid=f"{axes.get_label()}-diagonal")
    for b in bins:
        axes.plot((b.confidence, b.confidence), (b.confidence, b.right), color=PALETTE[0], linewidth=1.2)
        # On the side of the point that is away from the diagonal.
        offset, side = ((-6, 2), "right") if b.right > b.confidence > 0.1 else ((6, -2), "left")
        axes.annotate(
            str(b.n),
            (b.confidence, b.right),
            xytext=offset,
            textcoords="offset points",
            ha=side,
            va="center",
        )
    confidences, shares = [b.confidence for b in bins], [b.right for b in bins]
    axes.plot(
        confidences,
        shares,
        "o",
        color=PALETTE[0],
        markersize=6,
        clip_on=False,
        gid=f"{axes.get_label()}-bins",
    )
