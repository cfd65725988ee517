"""`lprnet calibrate`: a checkpoint → the same, with what its readings' confidence is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lprnet.commands import options
from lprnet.commands.options import FILE, FOLDER, UNSEEN, Number
from lprnet.console import table

if TYPE_CHECKING:
    from device_runtime.bundle.manifest import ConfidenceInfo
    from lprnet.evaluation.calibrate import Judged

RECOMBINED = 1500
"""Crops made of the characters of those in --data."""
EDGES = (0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1)
"""Of the printed table's ranges of confidence."""
WIDTHS = (0, 32, 38, 44, 54, 66, 80, 120, float("inf"))
"""px, of the other table's ranges of the plates' width."""


@click.command("calibrate")
@click.option("--weights", type=FILE, required=True, help="Checkpoint.")
@options.output(FILE, "Where to write it, calibrated; may be the same file.")
@click.option(
    "--data", type=FOLDER, multiple=True, help="Folder of crops; the file name is the label. May be repeated."
)
@click.option("--frames", type=FOLDER, help="Photographs with boxed plates.")
@click.option("--hold-out", "held_rides", multiple=True, help="Ride whose frames are left out.")
@click.option("--mined", type=FILE, help="What `lprnet locator mine` found that is no plate.")
@options.kind()
@click.option("--samples", type=click.IntRange(min=100), default=8000, show_default=True, help="To fit on.")
@click.option(
    "--lost",
    type=Number(0, 0.5),
    default=0.01,
    show_default=True,
    help="Share of the right readings that the default of --min-confidence may lose.",
)
@click.option(
    "--grammar", is_flag=True, help="Let the plate grammar have a say in texts, here and by default later."
)
def calibrate_command(
    weights: Path,
    output: Path,
    data: tuple[Path, ...],
    frames: Path | None,
    held_rides: tuple[str, ...],
    mined: Path | None,
    kind: str | None,
    samples: int,
    lost: float,
    grammar: bool,
) -> None:
    """Fit the confidence of readings on crops that training has not drawn, of plates and of other things."""
    import numpy as np
    from msgspec.structs import replace

    from lprnet.console import track
    from lprnet.data.dataset import from_folder
    from lprnet.evaluation.calibrate import fit, judged, least_confidence, practice, unseen
    from lprnet.network.checkpoint import load_checkpoint, save_checkpoint
    from lprnet.scenes.crops import Crops
    from lprnet.scenes.frames import read_frames
    from lprnet.threads import limit_threads
    from lprnet.training.locator_mining import read_patches

    limit_threads(1)
    checkpoint = load_checkpoint(weights)
    crops = Crops(
        read_frames(frames, held_rides) if frames else (),
        real=unseen(
            [item.sample for folder in data for item in from_folder(folder, checkpoint.alphabet)],
            RECOMBINED,
            UNSEEN,
        ),
        found=read_patches(mined) if mined else (),
        kind=kind,
    )
    drawn = (
        practice(np.random.default_rng((UNSEEN, i)), crops, UNSEEN, i)
        for i in track(range(samples), "crops to calibrate on", samples)
    )
    readings = judged(checkpoint, drawn, grammar)
    info = fit(readings)
    info = replace(fit(readings, least_confidence(info, readings, lost)), with_grammar=grammar)
    save_checkpoint(output, checkpoint.state, checkpoint.alphabet, {**checkpoint.metadata, **_header(info)})
    _print(info, readings, samples)


def _header(info: ConfidenceInfo) -> dict[str, str]:
    import msgspec

    from lprnet.network.checkpoint import CONFIDENCE

    return {CONFIDENCE: msgspec.json.encode(info).decode()}


def _print(info: ConfidenceInfo, readings: list[Judged], samples: int) -> None:
    from lprnet.evaluation.calibrate import bins, by_width, false_readings
    from lprnet.evaluation.evaluate import calibration_error

    found = bins(info, readings, EDGES)
    table(
        ("confidence", "read right", "n"),
        [(f"{b.confidence:.3f}", f"{b.right:.3f}", str(b.n)) for b in found],
        right={"confidence", "read right", "n"},
    )
    table(
        ("narrower than", "n", "confidence", "read right", "above 0.9", "of these wrong"),
        [
            (f"{w.widest:g} px", f"{w.n}", f"{w.confidence:.3f}", f"{w.right:.3f}", f"{w.sure}", f"{w.wrong}")
            for w in by_width(info, readings, WIDTHS)
        ],
        right={"narrower than", "n", "confidence", "read right", "above 0.9", "of these wrong"},
    )
    click.echo(
        f"{samples} crops, {len(readings)} with a text; calibration error {calibration_error(found):.3f}; "
        f"from {info.least} on {false_readings(info, readings, info.least)} readings of what is no plate"
    )
