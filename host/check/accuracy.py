"""Accuracy of a bundle as it ships: its own module, preprocessing and decoding, one image at a time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from device_runtime.bundle.manifest import AccuracyInfo, read_manifest
from device_runtime.bundle.signature import SIGNATURE_NAME
from device_runtime.reader import Reader
from device_runtime.report.accuracy import Tally
from device_runtime.sources.files import image_files, label_of
from device_runtime.sources.image import read_image
from host.bundle.folder import write_manifest
from lprnet.console import track

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """One data set, read by a bundle.

    Attributes:
        labels: the plates that are there, in the order of the files.
        plates: what was read.
        paths: the files; empty where nobody needs them.
        confidences: of what was read, likewise.
    """

    dataset: str
    labels: tuple[str, ...]
    plates: tuple[str, ...]
    paths: tuple[Path, ...] = ()
    confidences: tuple[float, ...] = ()

    @property
    def info(self) -> AccuracyInfo:
        """How many plates were read right, as manifests have it."""
        tally = Tally()
        for label, plate in zip(self.labels, self.plates, strict=True):
            tally.add(plate, label)
        accuracy = tally.accuracy()
        assert accuracy is not None, "image_files never returns an empty list for a folder"
        return AccuracyInfo(dataset=self.dataset, **msgspec.structs.asdict(accuracy))


def evaluate(
    bundle: Path, data: Path, grammar: bool | None = None, countries: tuple[str, ...] = ()
) -> Evaluation:
    """Read every image of the folder *data*, batch 1; the file name is the label.

    Raises:
        FatalError: the bundle cannot be used here, or *data* holds no readable image.
    """
    reader = Reader.open(bundle, grammar=grammar, countries=countries, crop=True, min_confidence=0.0)
    characters, paths = reader.engine.characters, image_files([data])
    readings = [reader.read_crop(read_image(path)) for path in track(paths, f"reading {data}")]
    return Evaluation(
        data.resolve().name,
        tuple(label_of(path, characters) for path in paths),
        tuple(reading.plate for reading in readings),
        tuple(paths),
        tuple(reading.confidence for reading in readings),
    )


def record_accuracy(bundle: Path, results: Sequence[Evaluation]) -> None:
    """Put the accuracies into the bundle's manifest, in place of older ones for the same data sets.

    That ends a signature, which is removed.
    """
    manifest = read_manifest(bundle)
    kept = {info.dataset: info for info in manifest.accuracy} | {r.dataset: r.info for r in results}
    write_manifest(bundle, msgspec.structs.replace(manifest, accuracy=tuple(kept.values())))
    if (bundle / SIGNATURE_NAME).exists():
        (bundle / SIGNATURE_NAME).unlink()
        LOG.warning("%s: is no longer signed – run `lpr-host sign`", bundle)


def to_json(result: Evaluation) -> str:
    """One line: dataset, n, correct, accuracy, accuracy_without_province."""
    return msgspec.json.encode(result.info).decode()
