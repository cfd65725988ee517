#!/usr/bin/env python3
"""Draws docs/flow.svg: the way from weights to a plate, on the host and on the board.

    PYTHONPATH=. .venv/bin/python scripts/draw_flow.py docs/flow.svg

The crop is a rendered sample plate, its text drawn with the glyphs of the annotated pictures.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle
from numpy.typing import NDArray

from device_runtime.sinks.pictures import draw_text, text_width
from device_runtime.sources.image import read_image

SAMPLE = Path(__file__).resolve().parents[1] / "lprnet" / "samples" / "沪FE51113.png"
INK, PAPER = "#23313f", "#ffffff"
HOST, BOARD = "#d5e3f3", "#d9ecd5"
STEP = 1.2
"""From the middle of a box to the next."""
HOST_STEPS = (
    ("weights", "PyTorch"),
    ("simplify", "fold, reorder"),
    ("prune", "fewer channels"),
    ("quantize", "int8"),
    ("lower", "own kernels"),
    ("tune", "register tiles"),
    ("compile", "TVM, LLVM"),
    ("bundle", "for one board"),
)
BOARD_STEPS = (
    ("locate", "crop"),
    ("read", "infer, decode"),
    ("sinks", "text, pictures"),
    ("report", "timings"),
)


def box(axes: Axes, x: float, y: float, name: str, what: str) -> None:
    """One step, centred on (x, y)."""
    style = "round,pad=0,rounding_size=0.1"
    axes.add_patch(FancyBboxPatch((x - 0.48, y - 0.3), 0.96, 0.6, boxstyle=style, fc=PAPER, ec=INK, lw=0.9))
    axes.text(x, y + 0.1, name, ha="center", va="center", fontsize=10, color=INK, weight="bold")
    axes.text(x, y - 0.14, what, ha="center", va="center", fontsize=7.5, color=INK)


def arrow(axes: Axes, *points: tuple[float, float]) -> None:
    """A line through *points* that ends in a head."""
    for start, end in pairwise(points[:-1]):
        axes.plot(*zip(start, end, strict=True), color=INK, lw=1.1, solid_capstyle="round")
    shape = {"arrowstyle": "-|>", "color": INK, "lw": 1.1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], points[-2], arrowprops=shape)


def lettered(text: str) -> NDArray[np.uint8]:
    """*text* in ink on white, RGB uint8."""
    image = np.full((48, text_width(text, 44) + 4, 3), 255, np.uint8)
    draw_text(image, text, 2, 2, 44, (63, 49, 35))
    return np.ascontiguousarray(image[:, :, ::-1])


def picture(axes: Axes, image: NDArray[np.uint8], x: float, y: float, width: float) -> None:
    """An RGB *image*, centred on (x, y)."""
    height = width * image.shape[0] / image.shape[1]
    axes.imshow(image, extent=(x - width / 2, x + width / 2, y - height / 2, y + height / 2), zorder=2)
    axes.add_patch(Rectangle((x - width / 2, y - height / 2), width, height, fc="none", ec=INK, lw=0.6))


def main(path: Path) -> None:
    """Write the picture."""
    # The same bytes every time: ids from a fixed salt, no date.
    matplotlib.rcParams.update({"svg.hashsalt": "lpr-edge", "svg.fonttype": "path"})
    figure = pyplot.figure(figsize=(9.6, 3.5))
    axes = figure.add_axes((0, 0, 1, 1))
    right = STEP * (len(HOST_STEPS) - 1)
    for y, color, label in ((2.15, HOST, "on the host"), (0.3, BOARD, "on the board")):
        axes.add_patch(Rectangle((-0.75, y - 0.5), right + 1.5, 1.2, fc=color, ec="none"))
        axes.text(-0.65, y + 0.5, label, fontsize=8.5, color=INK, va="center")
    for i, (name, what) in enumerate(HOST_STEPS):
        box(axes, i * STEP, 2.15, name, what)
        if i:
            arrow(axes, ((i - 1) * STEP + 0.5, 2.15), (i * STEP - 0.5, 2.15))
    first = 2 * STEP
    for i, (name, what) in enumerate(BOARD_STEPS):
        box(axes, first + i * STEP, 0.3, name, what)
        arrow(axes, (first + (i - 1) * STEP + 0.5, 0.3), (first + i * STEP - 0.5, 0.3))
    crop = cv2.cvtColor(read_image(SAMPLE), cv2.COLOR_BGR2RGB)
    picture(axes, cv2.resize(crop, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), 0.85, 0.3, 1.6)
    arrow(axes, (right, 1.83), (right, 1.2), (first + STEP, 1.2), (first + STEP, 0.62))
    middle = (right + first + STEP) / 2
    way = "copied, verified, checked on golden inputs"
    axes.text(middle, 1.27, way, fontsize=7.5, color=INK, ha="center", va="bottom")
    last = first + (len(BOARD_STEPS) - 1) * STEP
    picture(axes, lettered(SAMPLE.stem), last + 1.75, 0.42, 1.5)
    axes.text(last + 1.75, 0.12, "and how long it took", fontsize=7.5, color=INK, ha="center", va="center")
    arrow(axes, (last + 0.5, 0.3), (last + 0.9, 0.3))
    axes.set(xlim=(-0.85, right + 0.85), ylim=(-0.3, 2.95), aspect="equal")
    axes.axis("off")
    figure.savefig(path, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
