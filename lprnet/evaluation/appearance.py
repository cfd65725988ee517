"""What crops look like in numbers, to compare rendered plates with real ones."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from device_runtime.read.preprocess import resize
from lprnet.plates.pixels import Image

MEASURES = ("brightness", "contrast", "colour", "sharpness")
"""What `measure` gives, in order."""


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


def summaries(groups: Sequence[tuple[str, Sequence[Image]]]) -> list[tuple[str, ...]]:
    """Of each named group of crops: its name, how many they are, and every measure.

    A measure is the median and, in brackets, the middle 80 %.
    """
    rows = []
    for name, images in groups:
        columns = np.percentile([measure(image) for image in images], (10, 50, 90), axis=0).T
        cells = (f"{median:.3g} ({low:.3g}–{high:.3g})" for low, median, high in columns)
        rows.append((name, str(len(images)), *cells))
    return rows
