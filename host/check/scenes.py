"""The bundle that reads photographs for `lpr-host eval`: thresholds and sizes as they were asked for."""

from __future__ import annotations

from pathlib import Path

from device_runtime.errors import FatalError
from device_runtime.reader import Reader
from lprnet.evaluation.scenes_folder import with_threshold


def open_reader(
    bundle: Path,
    grammar: bool | None = None,
    threshold: float | None = None,
    min_confidence: float | None = None,
    locate_size: int | None = None,
    min_plate_width: int | None = None,
    countries: tuple[str, ...] = (),
) -> Reader:
    """A reader that finds plates; `Reader.open`, but for *threshold*, the lowest score of a plate.

    Raises:
        FatalError: as `Reader.open`, or the bundle has no locator.
    """
    reader = Reader.open(
        bundle,
        grammar=grammar,
        min_confidence=min_confidence,
        locate_size=locate_size,
        min_plate_width=min_plate_width,
        countries=countries,
    )
    if reader.locator is None:
        raise FatalError(str(bundle), "has no locator", "build it again")
    if threshold is not None:
        with_threshold(reader, threshold)
    return reader
