"""What crops look like in numbers, to compare rendered plates with real ones."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.read.preprocess import resize

Image = NDArray[np.uint8]

MEASURES = ("brightness", "contrast", "colour", "sharpness")


def measure(image: Image) -> tuple[float, float, float, float]:
    """`MEASURES` of uint8[H,W,3] BGR, at the size that the network sees.

    Mean and standard deviation of grey (0–255), mean difference between the strongest and the weakest channel
    (0–255), and the standard deviation of grey's Laplacian divided by the contrast.
    """
    crop = resize(image)
    grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), np.float32)
    contrast = float(grey.std())
    colour = float((crop.max(2) - crop.min(2)).mean())
    edges = float(cv2.Laplacian(grey, cv2.CV_32F).std())
    return float(grey.mean()), contrast, colour, edges / contrast if contrast else 0.0


def table(groups: Sequence[tuple[str, Sequence[Image]]]) -> str:
    """A line for each named group of crops: median and, in brackets, the middle 80 % of every measure."""
    lines = [f"{'':<16} {'n':>5} " + " ".join(f"{name:>20}" for name in MEASURES)]
    for name, images in groups:
        columns = np.percentile([measure(image) for image in images], (10, 50, 90), axis=0).T
        cells = (f"{m:.3g} ({low:.3g}–{high:.3g})" for low, m, high in columns)
        lines.append(f"{name:<16} {len(images):>5} " + " ".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines)
