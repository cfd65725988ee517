"""What an evaluation got wrong, worst first, with pictures: evaluations → `host.show.cases.Cases`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from device_runtime.locate.decode import Floats
from device_runtime.sources.image import Image, read_image
from host.check.accuracy import Evaluation
from host.show.cases import Case, Cases, Fault
from host.show.pictures import jpeg, shrunk
from lprnet.evaluation.locator_sheet import surroundings
from lprnet.evaluation.scenes import Outcome
from lprnet.evaluation.scenes_folder import Folder

WIDTH = 360
"""px of a picture."""


def cases_of(bundle: Path, results: Sequence[Evaluation], folders: Sequence[Folder], most: int) -> Cases:
    """At most *most* cases of each folder and fault.

    Args:
        bundle: that was evaluated.
        results: of crops, with their paths and confidences. The surest are the worst.
        folders: of photographs. Worst are the widest plates missed, the surest misreadings and false boxes.
        most: as above.

    Raises:
        FatalError: an image cannot be read again.
    """
    cases: list[Case] = []
    for result in results:
        cases += _misread_crops(result, most)
    for folder in folders:
        for found in (_missed(folder), _misread(folder), _false(folder)):
            ranked = sorted(found, key=lambda pair: -pair[0])[:most]
            cases += [_case(folder.name, *rest) for _, rest in ranked]
    return Cases(bundle=bundle.resolve().name, cases=tuple(cases))


_Found = tuple[Outcome, Fault, Floats, str, str, float | None]
"""Photograph, fault, corners in it, label, reading, confidence."""


def _misread_crops(result: Evaluation, most: int) -> list[Case]:
    wrong = [
        (confidence, path, label, plate)
        for confidence, path, label, plate in zip(
            result.confidences, result.paths, result.labels, result.plates, strict=True
        )
        if plate != label
    ]
    return [
        _pictured(
            shrunk(read_image(path), WIDTH), result.dataset, path.name, "misread", label, plate, confidence
        )
        for confidence, path, label, plate in sorted(wrong, key=lambda one: -one[0])[:most]
    ]


def _missed(folder: Folder) -> Iterator[tuple[float, _Found]]:
    for outcome in folder.outcomes:
        for plate in outcome.plates:
            if plate.found is None:
                left, top, right, bottom = plate.label.box
                corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
                yield plate.label.width, (outcome, "missed", corners, plate.label.text or "", "", None)


def _misread(folder: Folder) -> Iterator[tuple[float, _Found]]:
    for outcome in folder.outcomes:
        for plate in outcome.plates:
            seen, text = plate.found, plate.label.text
            if text and not plate.right and seen is not None:
                found: _Found = (outcome, "misread", seen.corners, text, seen.text, seen.confidence)
                yield seen.confidence, found


def _false(folder: Folder) -> Iterator[tuple[float, _Found]]:
    for outcome in folder.outcomes:
        for seen in outcome.false:
            # What was read is worse than what was only found.
            found: _Found = (outcome, "false", seen.corners, "", seen.text, seen.confidence)
            yield seen.score + bool(seen.text), found


def _case(
    dataset: str,
    outcome: Outcome,
    fault: Fault,
    corners: Floats,
    truth: str,
    read: str,
    confidence: float | None,
) -> Case:
    picture, _ = surroundings(outcome.photograph.read(), corners)
    return _pictured(picture, dataset, outcome.photograph.path.name, fault, truth, read, confidence)


def _pictured(
    image: Image, dataset: str, file: str, fault: Fault, truth: str, read: str, confidence: float | None
) -> Case:
    return Case(
        dataset=dataset,
        file=file,
        fault=fault,
        truth=truth,
        read=read,
        confidence=confidence,
        width=image.shape[1],
        height=image.shape[0],
        jpeg=jpeg(image),
    )
