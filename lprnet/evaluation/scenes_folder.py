"""Folders of labelled photographs, read as `lpr-run` reads them: on a board's code, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from device_runtime.reader import Examiner
from lprnet.console import track
from lprnet.data.photographs import read_photographs
from lprnet.evaluation.pieces import FalseReadings, false_readings, pieces
from lprnet.evaluation.scenes import Outcome, Read, Seen, measure
from lprnet.plates.pixels import Image


@dataclass(frozen=True, eq=False)
class Folder:
    """What was found and read on the photographs of a folder.

    Attributes:
        name: of the folder.
        outcomes: one a photograph.
        false_readings: on pieces of them, where they were asked for.
    """

    name: str
    outcomes: tuple[Outcome, ...]
    false_readings: FalseReadings | None = None


def seen_by(reader: Examiner) -> Read:
    """*reader*, which finds plates, as what is measured."""

    def read(image: Image) -> Sequence[Seen]:
        examined = reader.examine(image)
        plates = [
            Seen(plate.place.corners, plate.place.score, plate.text, plate.confidence)
            for plate in examined.plates
            if plate.place is not None
        ]
        unread = [
            Seen(one.place.corners, one.place.score) for one in examined.unread if one.place is not None
        ]
        return plates + unread

    return read


def with_threshold(reader: Examiner, threshold: float) -> None:
    """Let *reader*, which has a locator, take for a plate what has a score of at least *threshold*."""
    assert reader.locator is not None
    reader.locator = replace(reader.locator, search=replace(reader.locator.search, threshold=threshold))


def read_folder(reader: Examiner, folder: Path, each: int = 0) -> Folder:
    """Read the photographs of *folder*, and *each* pieces of every one that show no plate.

    Raises:
        FatalError: the folder or a photograph cannot be read.
    """
    photographs = read_photographs(folder)
    outcomes = measure(seen_by(reader), track(photographs, f"reading {folder}"))
    counted = None
    if each:
        crops = Examiner(reader.engine, min_confidence=reader.min_confidence)
        parts = pieces(track(photographs, f"pieces of {folder}"), each)
        counted = false_readings(
            lambda image: bool(reader.read(image)), lambda image: bool(crops.read(image)), parts
        )
    return Folder(folder.resolve().name, tuple(outcomes), counted)
