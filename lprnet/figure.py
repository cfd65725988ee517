"""Plots as SVG files, drawn by matplotlib without a display: the same figure gives the same bytes.

    with style():
        figure = Figure(figsize=(9, 4))
        axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        …
    write_atomic(path, svg(figure))

Nothing here or in `matplotlib.figure` keeps state, as pyplot does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from warnings import catch_warnings, filterwarnings

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

PALETTE = ("#2f6ea5", "#c4621d", "#3f8a53", "#7d5ba6")
"""Blue, orange, green, violet, each dark enough for text on white."""
FAINT, QUIET = "#d8d8d8", "#555555"
"""Of grid lines, and of text that may be overlooked."""

_STYLE: dict[Any, Any] = {
    # Text stays text, which can be searched and read aloud.
    "svg.fonttype": "none",
    "svg.hashsalt": "lpr-edge",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextmanager
def style() -> Iterator[None]:
    """What is drawn inside looks like this project's other plots."""
    with rc_context(_STYLE):
        yield


def svg(figure: Figure) -> bytes:
    """*figure* as an SVG file."""
    with style(), catch_warnings():
        # What the font lacks is drawn by whoever shows the file.
        filterwarnings("ignore", "Glyph .* missing from font")
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


@dataclass(frozen=True)
class Label:
    """Text beside a point; below it rather than above where *below*."""

    point: tuple[float, float]
    text: str
    color: str
    below: bool = False


def label_points(axes: Axes, labels: Sequence[Label]) -> list[Annotation]:
    """Write each label where it covers no point and no other label, if there is such a place.

    Args:
        axes: whose coordinates the points are in; its limits and its place in the figure are final.
    """
    renderer = FigureCanvasAgg(axes.figure.figure).get_renderer()
    around = [
        Bbox.from_bounds(x - _MARKER, y - _MARKER, 2 * _MARKER, 2 * _MARKER)
        for x, y in axes.transData.transform([label.point for label in labels] or [(0, 0)])
    ]
    inside = axes.get_window_extent(renderer)
    taken: list[Bbox] = []
    written = []
    for label in labels:
        text = axes.annotate(
            label.text,
            label.point,
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            color=label.color,
        )
        offsets = [(dx, -dy if label.below else dy) for dx, dy in _OFFSETS]
        boxes = []
        for offset in offsets:
            text.set_position(offset)
            boxes.append(text.get_window_extent(renderer))
        free = [
            place
            for place, box in enumerate(boxes)
            if not any(box.overlaps(other) for other in (*taken, *around))
            and inside.x0 <= box.x0
            and inside.y0 <= box.y0
            and box.x1 <= inside.x1
        ]
        best = free[0] if free else 0
        text.set_position(offsets[best])
        taken.append(boxes[best])
        written.append(text)
    return written


_MARKER = 4.0
"""Half the width that a point takes, in pixels of the screen."""
_OFFSETS = tuple((dx, dy) for dy in (9, -10, 0, 22, -23, 35, 48) for dx in (0, 12, -12, 24, -24) if dx or dy)
"""Where a label may be, in points from its own one, the best place first."""
