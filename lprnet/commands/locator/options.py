"""What the locator's commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lprnet.commands.options import FOLDER, Option

if TYPE_CHECKING:
    from device_runtime.locate.locator import Locator
    from lprnet.scenes.frames import Frame

DOUBTFUL = 0.35
"""Score from which on what is found beside the labels of real frames may be a plate."""


def held_out() -> Option[Any]:
    """`--hold-out RIDE`, any number of them."""
    return click.option(
        "--hold-out", "held_out", multiple=True, help="Ride whose frames are left out; may be repeated."
    )


def frames(required: bool) -> Option[Any]:
    """`--frames DIR`."""
    return click.option(
        "--frames", type=FOLDER, required=required, help="Folder of frames, their plates in labels.jsonl."
    )


def locator(weights: Path | None) -> Locator:
    """The locator with the weights in that file, or the shipped ones.

    Raises:
        FatalError: the file is missing or not a locator's.
    """
    from lprnet.locator.checkpoint import load_weights
    from lprnet.locator.locate import locator_of
    from lprnet.weights import LOCATOR

    return locator_of(load_weights(weights or LOCATOR))


def completed_frames(folder: Path, held_out: tuple[str, ...], weights: Path | None) -> tuple[Frame, ...]:
    """The frames of *folder*, with what may be plates without a label as `doubtful`.

    Raises:
        FatalError: the frames or the weights cannot be read, or there is no such ride.
    """
    from lprnet.console import track
    from lprnet.scenes.frames import read_frames
    from lprnet.training.locator_mining import completed

    read = read_frames(folder, held_out)
    return tuple(completed(locator(weights), track(read, "plates without a label", len(read)), DOUBTFUL))
