"""Make every row, measure what is new, and keep the rest."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from sys import executable

import msgspec
import numpy as np
from numpy.typing import NDArray

from device_runtime import __version__
from device_runtime.board import describe as board
from device_runtime.board.cpu import detect
from host.bench.data import Images, accuracy, load_images
from host.bench.measure import Entrant, Log, Pace, measure, pick_cpus
from host.bench.models import Model, Place, Variant, digest_of_sources
from host.bench.stats import paired_ratio
from host.cache import cached
from host.quantize.calibration import CALIBRATION_IMAGES
from host.study import schema
from host.study.schema import EAGER, UNTUNED, Results, Row
from host.study.untrained import prune_untrained
from host.study.variants import Made, Source, Way, make, ways
from host.targets.profile import Target
from lprnet.network.alphabet import Alphabet
from lprnet.network.checkpoint import load_checkpoint, save_checkpoint

MADE = "made.json"
UNTRAINED = "untrained"
TIMED_IMAGES = 16
BUSY = 0.5


@dataclass(frozen=True)
class Weights:
    """A checkpoint and what was pruned from it; where nothing was, that is done for the table, untrained."""

    name: str
    checkpoint: Path
    pruned: Mapping[str, Path]


@dataclass(frozen=True)
class Request:
    """What to put into the table.

    Attributes:
        data: folders of labelled images; accuracy is given for each.
        only: parts of row names; empty means all rows.
        folder: where the table goes, and what it was made from.
    """

    weights: tuple[Weights, ...]
    target: Target
    data: tuple[Path, ...]
    calibration: Path
    trials: int
    pace: Pace
    only: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class Ready:
    """A row made ready, or why it could not be; `alphabet` decodes its logits."""

    row: Row
    alphabet: Alphabet
    folder: Path | None = None
    made: Made | None = None


def run(request: Request, log: Log) -> Results:
    """Make and measure all rows of *request*; a row that cannot be made has an `error`.

    What has been made before is taken from the folder, and so are the timings, unless anything that is
    timed has changed: rows are timed together or not compared.

    Raises:
        FatalError: the request itself is at fault: weights, data, calibration images.
    """
    data = [load_images((folder,)) for folder in request.data]
    calibration = load_images((request.calibration,), CALIBRATION_IMAGES)
    ready = [
        item
        for weights in request.weights
        for item in _ready(request, _source(request, weights), calibration.digest, log)
    ]
    for item in ready:
        item.row.accuracy.update(_known_accuracy(item, data))
    timed = _hash(*(item.row.key for item in ready), msgspec.json.encode(request.pace).decode())
    path = request.folder / schema.FILE
    before = schema.read(path) if path.exists() else None
    missing = [item for item in ready if item.made and len(item.row.accuracy) < len(data)]
    if before is not None and before.timed == timed and not missing:
        log(f"nothing has changed since {before.created}")
        return before
    load = round(os.getloadavg()[0], 2)
    if load > BUSY:
        log(f"load average {load:.1f}: other programs run here, and the figures will be rough")
    rows = _measured(request, ready, data, calibration, log)
    return Results(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=board.describe(),
        target=request.target.name,
        rounds=request.pace.rounds,
        inferences=request.pace.inferences,
        load_average=load,
        datasets={images.sources[0].name: len(images.labels) for images in data},
        timed=timed,
        rows=tuple(rows),
    )


def _source(request: Request, weights: Weights) -> Source:
    checkpoint = load_checkpoint(weights.checkpoint)
    pruned, notes = dict(weights.pruned), {}
    if not pruned:
        folder = request.folder / "networks" / _hash(checkpoint.sha256, digest_of_sources())

        def fill(work: Path) -> None:
            small = prune_untrained(checkpoint)
            save_checkpoint(work / f"{UNTRAINED}.safetensors", small.state, small.alphabet)

        pruned = {UNTRAINED: cached(folder, fill) / f"{UNTRAINED}.safetensors"}
        notes = {UNTRAINED: "pruned for this table, not trained on"}
    networks = {"": weights.checkpoint, **pruned}
    return Source(weights.name, networks, request.target, request.calibration, request.trials, notes)


def _ready(request: Request, source: Source, calibration: str, log: Log) -> list[Ready]:
    items = []
    for way in ways(source.networks):
        if request.only and not any(part in way.name for part in request.only):
            continue
        checkpoint = load_checkpoint(source.networks[way.network])
        key = _hash(
            digest_of_sources(),
            repr(way),
            source.target.name,
            *sorted(detect().features),
            checkpoint.sha256,
            calibration if way.precision == "int8" or way.kind == "eager int8" else "",
            str(source.trials) if way.schedule == "metaschedule" else "",
        )
        row = Row(name=way.name, weights=source.weights, key=key)
        folder = request.folder / "networks" / key
        try:
            if not folder.is_dir():
                log(f"{source.weights}: {way.name}")
            cached(folder, partial(_fill, way, source))
            items.append(_load(folder, row, checkpoint.alphabet))
        # Whatever a compiler throws becomes the reason in its row; the other rows are still worth having.
        except Exception as error:
            why = " ".join(str(error).split())[-300:] or type(error).__name__
            log(f"out: {source.weights}: {way.name}: {why}")
            items.append(Ready(msgspec.structs.replace(row, error=why), checkpoint.alphabet))
    return items


def _fill(way: Way, source: Source, folder: Path) -> None:
    (folder / "model").mkdir()
    made = make(way, source, folder / "model")
    (folder / MADE).write_bytes(msgspec.json.encode(made))


def _load(folder: Path, row: Row, alphabet: Alphabet) -> Ready:
    made = msgspec.json.decode((folder / MADE).read_bytes(), type=Made)
    static = {name: getattr(made, name) for name in ("bytes", "parameters", "macs", "note")}
    return Ready(msgspec.structs.replace(row, accuracy={}, **static), alphabet, folder, made)


def _known_accuracy(item: Ready, data: Sequence[Images]) -> dict[str, float]:
    """Accuracy by data set, of those whose logits are there."""
    known = {}
    for images in data:
        path = _logits(item, images)
        if path is not None and path.exists():
            share = accuracy(np.load(path), images.labels, item.alphabet)
            known[images.sources[0].name] = round(share, 4)
    return known


def _logits(item: Ready, images: Images) -> Path | None:
    return item.folder / f"logits-{images.digest}.npy" if item.folder else None


def _measured(
    request: Request, ready: Sequence[Ready], data: Sequence[Images], calibration: Images, log: Log
) -> list[Row]:
    """The rows, timed together; logits of data sets that an item has none of are kept in its folder."""
    everything = Images(
        np.concatenate([images.tensors for images in data]) if data else calibration.tensors[:0], (), ()
    )
    inputs = request.folder / "inputs"
    timing = Images((everything if data else calibration).tensors[:TIMED_IMAGES], (), ()).save(inputs)
    labelled = everything.save(inputs) if data else None
    entrants: dict[int, Entrant] = {}
    for index, item in enumerate(ready):
        if item.made is None or item.folder is None:
            continue
        variant = Variant(item.made.runtime, item.made.precision)
        model = Model(variant, item.folder / "model", item.made.bytes, __version__, None)
        entrant = Entrant(model, 1)
        if len(item.row.accuracy) == len(data):
            entrant.logits = item.folder
        entrants[index] = entrant
    place = Place(Path(executable), "native", None)
    with tempfile.TemporaryDirectory(dir=request.folder) as scratch:
        cpus = {1: pick_cpus(1)}
        every = list(entrants.values())
        measure(every, place, cpus, request.pace, timing, labelled, Path(scratch), log)
        for index, entrant in entrants.items():
            if entrant.logits is not None and entrant.logits != ready[index].folder:
                _keep_logits(ready[index], np.load(entrant.logits), data)
    reference = {
        (name, item.row.weights): entrants[index].rounds
        for index, item in enumerate(ready)
        for name in (EAGER, UNTUNED)
        if item.row.name == name and index in entrants and entrants[index].rounds
    }
    return [_row(item, entrants.get(index), reference, data) for index, item in enumerate(ready)]


def _keep_logits(item: Ready, logits: NDArray[np.float32], data: Sequence[Images]) -> None:
    start = 0
    for images in data:
        path = _logits(item, images)
        assert path is not None
        part = path.with_suffix(f".part{os.getpid()}")
        with part.open("wb") as file:
            np.save(file, logits[start : start + len(images.labels)])
        part.replace(path)
        start += len(images.labels)


def _row(
    item: Ready,
    entrant: Entrant | None,
    reference: Mapping[tuple[str, str], list[list[float]]],
    data: Sequence[Images],
) -> Row:
    row = item.row
    if entrant is None:
        return row
    row.accuracy.update(_known_accuracy(item, data))
    if not entrant.rounds:
        return msgspec.structs.replace(row, error=entrant.error or "not measured")
    samples = np.concatenate(entrant.rounds)
    ratios = {}
    for column, name in (("eager", EAGER), ("untuned", UNTUNED)):
        if (name, row.weights) in reference:
            ratio = paired_ratio(entrant.rounds, reference[name, row.weights]).p50
            ratios[column] = round(ratio, 5)
    p50, p99 = np.percentile(samples, (50, 99)).tolist()
    return msgspec.structs.replace(row, p50_ms=round(p50, 4), p99_ms=round(p99, 4), **ratios)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
