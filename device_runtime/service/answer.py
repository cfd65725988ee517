"""What is read in one image, in the form of CodeProject.AI's module for license plates.

Its documentation (API reference, License Plate Reader) names the fields, its source (`ALPR.py`,
`ALPR_adapter.py`) shows how they are filled. Programs that ask that module can ask this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from device_runtime.reader import Examined, Plate
from device_runtime.sources.image import Image

MODULE = {"moduleId": "lpr-edge", "moduleName": "License Plate Reader", "command": "alpr"}
RUNS_ON = {"executionProvider": "CPU", "canUseGPU": False}


def prediction(plate: Plate, image: Image) -> dict[str, Any]:
    """A plate that was read in *image*: its text, and its box in whole pixels, within the image."""
    height, width = image.shape[:2]
    if plate.corners is None:
        box = (0, 0, width, height)
    else:
        low, high = np.floor(plate.corners.min(0)), np.ceil(plate.corners.max(0))
        (left, top), (right, bottom) = np.clip([low, high], 0, (width, height)).astype(int).tolist()
        box = (left, top, right, bottom)
    return {
        "label": f"Plate: {plate.text}",
        "plate": plate.text,
        "confidence": round(plate.confidence, 6),
        **dict(zip(("x_min", "y_min", "x_max", "y_max"), box, strict=True)),
    }


def answer(
    image: Image, examined: Examined, min_confidence: float, process_ms: float, wait_ms: float
) -> dict[str, Any]:
    """The answer to a question about *image*, the surest place first.

    Args:
        image: BGR uint8[H,W,3].
        examined: what was found in it.
        min_confidence: plates that were read with less are left out.
        process_ms: from bytes to plates.
        wait_ms: before that, for its turn.
    """
    plates: Sequence[Plate] = [plate for plate in examined.plates if plate.confidence >= min_confidence]
    found = [prediction(plate, image) for plate in plates]
    labels = [one["label"] for one in found]
    # The module names three, and says that there are more.
    message = f"Found {', '.join(labels)}{'...' if len(labels) > 3 else ''}" if labels else "No plates found"
    times = examined.timings_ms
    return {
        "success": True,
        "message": message,
        "count": len(found),
        "predictions": found,
        "inferenceMs": round(times.get("locate", 0.0) + times.get("infer", 0.0)),
        "processMs": round(process_ms),
        "analysisRoundTripMs": round(process_ms + wait_ms),
        **MODULE,
        **RUNS_ON,
    }


def refusal(why: str) -> dict[str, Any]:
    """The answer to a question that cannot be answered."""
    return {
        "success": False,
        "error": why,
        "message": why,
        "predictions": [],
        "count": 0,
        **MODULE,
        **RUNS_ON,
    }
