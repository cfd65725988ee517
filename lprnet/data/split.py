"""Images to train on and images to measure on."""

from __future__ import annotations

from dataclasses import dataclass

from device_runtime.errors import FatalError
from lprnet.data.dataset import Labelled


@dataclass(frozen=True)
class Split:
    """Images to train on, and images held out to measure."""

    train: list[Labelled]
    held_out: list[Labelled]


def split(items: list[Labelled], share: float) -> Split:
    """Hold out *share* of *items*, evenly over the list, so that the split stays the same from run to run.

    Raises:
        FatalError: nothing would be left to train on.
    """
    held_out = [item for i, item in enumerate(items) if int((i + 1) * share) > int(i * share)]
    train = [item for i, item in enumerate(items) if int((i + 1) * share) == int(i * share)]
    if not train:
        raise FatalError("training images", "none left", "lower --held-out or add images")
    return Split(train, held_out)
