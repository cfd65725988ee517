"""What a locator says about its own training frames: plates without a label, and hard negatives.

Labels of real frames are never complete. What is found beside them is not taught as background
(`completed`). On frames without any of these, whatever is still found is false; patches of that go into the
scenes of the next run (`lprnet.scenes.generator.Generator.found`).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from device_runtime.locate.decode import intersection_over_union
from device_runtime.locate.geometry import GREY
from device_runtime.locate.locator import Locator
from lprnet.scenes.frames import Frame, paint_over
from lprnet.scenes.scene import Floats, Image, height_of, width_of

WIDTH, HEIGHT = 240, 144
"""px of a patch; the box is half as wide and stands upright in its middle."""
LEAST_OVERLAP = 0.1
"""Intersection over union from which on a found box is taken for a labelled one."""


def completed(locator: Locator, frames: Iterable[Frame], threshold: float) -> list[Frame]:
    """*frames* with what *locator* finds on them and no label meets as `Frame.doubtful`.

    A low *threshold* does little harm: a sign that is painted over teaches nothing.
    """
    result = []
    for frame in frames:
        found = locator.locate(frame.image, threshold)
        hulls = np.concatenate([found.corners.min(1), found.corners.max(1)], 1)
        unmet = intersection_over_union(hulls, frame.boxes).max(1, initial=0) < LEAST_OVERLAP
        result.append(replace(frame, doubtful=np.concatenate([frame.doubtful, hulls[unmet]])))
    return result


def painted(frames: Iterable[Frame], seed: int) -> list[Image]:
    """Each frame, uint8[H,W,3], with its plates painted over; the same for the same *seed*."""
    images = []
    for number, frame in enumerate(frames):
        image, rng = frame.image.copy(), np.random.default_rng((seed, number))
        for box in np.concatenate([frame.boxes, frame.doubtful]):
            paint_over(rng, image, box)
        images.append(image)
    return images


def mine(locator: Locator, images: Iterable[Image], threshold: float, most: int) -> list[tuple[float, Image]]:
    """FIND's *most* surest candidates on *images* without plates: score and patch uint8[HEIGHT,WIDTH,3].

    A box that reaches over the edge is left out: its patch would have a grey side, which is easily learnt.
    """
    found = []
    for image in images:
        boxes = locator.propose(image)
        for corners, score in zip(boxes.corners, boxes.scores, strict=True):
            patch = _patch(image, corners)
            if patch is not None and score >= threshold:
                found.append((float(score), patch))
    return sorted(found, key=lambda pair: -pair[0])[:most]


def _patch(image: Image, corners: Floats) -> Image | None:
    scale = min(WIDTH / 2 / max(width_of(corners), 1), HEIGHT / 2 / max(height_of(corners), 1))
    reach = np.array([WIDTH, HEIGHT]) / scale / 2
    low, high = corners.mean(0) - reach, corners.mean(0) + reach
    if np.any(low < 0) or np.any(high > image.shape[1::-1]):
        return None
    matrix = np.array([[scale, 0, -scale * low[0]], [0, scale, -scale * low[1]]])
    matrix[:, 2] += (scale - 1) / 2
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    warped = cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), flags=method, borderValue=(GREY,) * 3)
    return np.asarray(warped, np.uint8)


def write_patches(path: Path, patches: list[tuple[float, Image]]) -> None:
    """Write scores and patches as an `.npz` file of PNG images.

    Raises:
        FatalError: it cannot be written.
    """
    arrays: dict[str, Any] = {
        f"{i:05d}": cv2.imencode(".png", patch)[1] for i, (_, patch) in enumerate(patches)
    }
    arrays["scores"] = np.array([score for score, _ in patches], np.float32)
    buffer = BytesIO()
    np.savez(buffer, **arrays)
    write_atomic(path, buffer.getvalue())


def read_patches(path: Path) -> tuple[Image, ...]:
    """The patches that `write_patches` wrote.

    Raises:
        FatalError: the file is missing or damaged.
    """
    try:
        with np.load(path) as content:
            names = sorted(name for name in content.files if name != "scores")
            images = [cv2.imdecode(content[name], cv2.IMREAD_COLOR) for name in names]
    except OSError as error:
        raise FatalError(str(path), error.strerror or str(error), "give what `mine` wrote") from None
    except (ValueError, EOFError, zipfile.BadZipFile, cv2.error):
        raise FatalError(str(path), "damaged", "mine again") from None
    return tuple(np.asarray(image, np.uint8) for image in images)
