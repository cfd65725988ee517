"""Sample plates for a demonstration: every kind a single-line reader can read, moderately hard."""

from __future__ import annotations

from pathlib import Path

import cv2

from device_runtime.files import write_atomic
from lprnet.plates import Crop, render
from lprnet.plates.kinds import KINDS, MIX

COMMON = ("blue", "green-small", "yellow")
STRENGTH = 0.45


def sample_plates(seed: int, count: int, name: str | None = None) -> list[Crop]:
    """*count* crops of different texts, of the kind or mix called *name*.

    By default each common Chinese kind in turn, then one of the rare kinds, and so on.
    """
    rare = [kind for kind in MIX if kind not in COMMON and KINDS[kind].rows == 1]
    crops: dict[str, Crop] = {}
    index = 0
    while len(crops) < count:
        turn, place = divmod(len(crops), len(COMMON) + 1)
        kind = name or (COMMON[place] if place < len(COMMON) else rare[turn % len(rare)])
        crop = render(seed, index, STRENGTH, kind)
        crops.setdefault(crop.text, crop)
        index += 1
    return list(crops.values())


def write_samples(folder: Path, crops: list[Crop]) -> None:
    """Write each crop as `TEXT.png`.

    Raises:
        FatalError: the folder cannot be made or written.
    """
    for crop in crops:
        write_atomic(folder / f"{crop.text}.png", cv2.imencode(".png", crop.image)[1].tobytes())
