"""Variants made once and found again, with the logits that are known of them."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from device_runtime import __version__
from device_runtime.board.cpu import detect
from host.bench.data import Images, accuracy
from host.bench.models import Configuration, Model, digest_of_sources
from host.cache import cached
from host.study.schema import StudyRow
from host.study.untrained import prune_untrained
from host.study.variants import Artifact, Variant, VariantSource, make, variants
from host.targets.profile import Target
from lprnet.network.alphabet import Alphabet
from lprnet.network.checkpoint import load_checkpoint, save_checkpoint

ARTIFACT = "artifact.json"
MODEL = "model"
UNTRAINED = "untrained"
"""Name of the network that is pruned for the table, where none was pruned before."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Weights:
    """A checkpoint and what was pruned from it; where nothing was, that is done for the table, untrained."""

    name: str
    checkpoint: Path
    pruned: Mapping[str, Path]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A variant and what it was made into; without `artifact`, the row's `error` says why.

    Attributes:
        row: its static columns and the accuracy where it is known.
        alphabet: decodes its logits.
        folder: where the artifact and its logits lie.
    """

    row: StudyRow
    alphabet: Alphabet
    folder: Path
    artifact: Artifact | None = None

    @property
    def model(self) -> Model | None:
        """What a worker loads, if it could be made."""
        if self.artifact is None:
            return None
        return Model(
            configuration=Configuration(self.artifact.runtime, self.artifact.precision),
            folder=self.artifact.model(self.folder / MODEL),
            bytes=self.artifact.bytes,
            version=__version__,
        )

    def with_accuracy(self, data: Sequence[Images]) -> Prepared:
        """The same with the accuracy on each data set whose logits are there."""
        known = {}
        for images in data:
            path = self._logits(images)
            if path.exists():
                share = accuracy(np.load(path), images.labels, self.alphabet)
                known[images.sources[0].name] = round(share, 4)
        return replace(self, row=msgspec.structs.replace(self.row, accuracy=known))

    def keep_logits(self, logits: NDArray[np.float32], data: Sequence[Images]) -> None:
        """Write *logits* [N,classes,steps] of all *data*, in their order, a file for each data set."""
        start = 0
        for images in data:
            path = self._logits(images)
            part = path.with_suffix(f".part{os.getpid()}")
            with part.open("wb") as file:
                np.save(file, logits[start : start + len(images.labels)])
            part.replace(path)
            start += len(images.labels)

    def _logits(self, images: Images) -> Path:
        return self.folder / f"logits-{images.digest}.npy"


def source_of(weights: Weights, target: Target, calibration: Path, trials: int, cache: Path) -> VariantSource:
    """What the rows of *weights* are made from; prunes into *cache* where nothing is pruned yet.

    Args:
        calibration: `.npy` file, see `VariantSource`.

    Raises:
        FatalError: the checkpoint cannot be read or pruned.
    """
    checkpoint = load_checkpoint(weights.checkpoint)
    pruned, notes = dict(weights.pruned), {}
    if not pruned:

        def fill(folder: Path) -> None:
            small = prune_untrained(checkpoint)
            save_checkpoint(folder / f"{UNTRAINED}.safetensors", small.state, small.alphabet)

        folder = cached(cache / hash_of(checkpoint.sha256, digest_of_sources()), fill)
        pruned = {UNTRAINED: folder / f"{UNTRAINED}.safetensors"}
        notes = {UNTRAINED: "pruned for this table, not trained on"}
    return VariantSource(
        weights=weights.name,
        networks={"": weights.checkpoint, **pruned},
        target=target,
        calibration=calibration,
        trials=trials,
        notes=notes,
    )


def prepare(source: VariantSource, only: Sequence[str], cache: Path) -> list[Prepared]:
    """All variants of *source*, made in *cache* unless they are there.

    Args:
        only: parts of row names; without any, all rows.
    """
    chosen = [v for v in variants(source.networks) if not only or any(part in v.name for part in only)]
    return [_prepare(variant, source, cache) for variant in chosen]


def _prepare(variant: Variant, source: VariantSource, cache: Path) -> Prepared:
    checkpoint = load_checkpoint(source.networks[variant.network])
    key = hash_of(
        digest_of_sources(),
        repr(variant),
        source.target.name,
        *sorted(detect().features),
        checkpoint.sha256,
        # A file of inputs is named by their digest.
        source.calibration.name if variant.calibrated else "",
        str(source.trials) if variant.schedule == "metaschedule" else "",
    )
    row, folder = StudyRow(name=variant.name, weights=source.weights, key=key), cache / key
    try:
        if not folder.is_dir():
            LOG.info("%s: %s", source.weights, variant.name)
        cached(folder, partial(_fill, variant, source))
        artifact = msgspec.json.decode((folder / ARTIFACT).read_bytes(), type=Artifact)
    # Whatever a compiler throws becomes the reason in its row; the other rows are still worth having.
    except Exception as error:
        why = " ".join(str(error).split())[-300:] or type(error).__name__
        LOG.info("out: %s: %s: %s", source.weights, variant.name, why)
        failed = msgspec.structs.replace(row, error=why)
        return Prepared(row=failed, alphabet=checkpoint.alphabet, folder=folder)
    row = msgspec.structs.replace(
        row,
        bytes=artifact.bytes,
        parameters=artifact.parameters,
        macs=artifact.macs,
        note=artifact.note,
    )
    return Prepared(row=row, alphabet=checkpoint.alphabet, folder=folder, artifact=artifact)


def _fill(variant: Variant, source: VariantSource, folder: Path) -> None:
    (folder / MODEL).mkdir()
    artifact = make(variant, source, folder / MODEL)
    (folder / ARTIFACT).write_bytes(msgspec.json.encode(artifact))


def hash_of(*parts: str) -> str:
    """Sixteen hexadecimal digits that are others for other *parts*."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
