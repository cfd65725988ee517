"""Make every row, measure what is new, and keep the rest."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from sys import executable

import msgspec
import numpy as np

from device_runtime.board import describe as board
from host.bench.data import TIMED_IMAGES, Images, load_images
from host.bench.measure import Entrant, Measurement, Pace, load_average, measure, pick_cpus
from host.bench.models import Place
from host.bench.stats import paired_ratio
from host.quantize.calibration import CALIBRATION_IMAGES
from host.study import schema
from host.study.prepare import Prepared, Weights, hash_of, prepare, source_of
from host.study.schema import EAGER, UNTUNED, Results, StudyRow
from host.targets.profile import Target

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StudyRequest:
    """What to put into the table.

    Attributes:
        data: folders of labelled images; accuracy is given for each.
        calibration: folder of images for int8.
        trials: measurements that MetaSchedule may make, earlier runs' included.
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


def run(request: StudyRequest) -> Results:
    """Make and measure all rows of *request*; a row that cannot be made has an `error`.

    What has been made before is taken from the folder, and so are the timings, unless anything that is
    timed has changed: rows are timed together or not compared.

    Raises:
        FatalError: the request itself is at fault: weights, data, calibration images.
    """
    data = [load_images((folder,)) for folder in request.data]
    calibration = load_images((request.calibration,), CALIBRATION_IMAGES)
    inputs, networks = calibration.save(request.folder / "inputs"), request.folder / "networks"
    sources = [source_of(w, request.target, inputs, request.trials, networks) for w in request.weights]
    prepared = [
        item.with_accuracy(data) for source in sources for item in prepare(source, request.only, networks)
    ]
    timed = hash_of(*(item.row.key for item in prepared), msgspec.json.encode(request.pace).decode())
    path = request.folder / schema.FILE
    before = schema.FORMAT.read(path) if path.exists() else None
    complete = all(len(item.row.accuracy) == len(data) for item in prepared if item.artifact)
    if before is not None and before.timed == timed and complete:
        LOG.info("nothing has changed since %s", before.created)
        return before
    load = load_average()
    rows = _measured(request, prepared, data, calibration)
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


def _measured(
    request: StudyRequest, prepared: Sequence[Prepared], data: Sequence[Images], calibration: Images
) -> list[StudyRow]:
    """The rows, timed together; logits of data sets that an item has none of are kept in its folder."""
    folder = request.folder / "inputs"
    labelled = Images(np.concatenate([images.tensors for images in data]), (), ()) if data else None
    models = {index: item.model for index, item in enumerate(prepared)}
    entrants = {index: Entrant(model, 1) for index, model in models.items() if model}
    measurements = measure(
        list(entrants.values()),
        Place(Path(executable), "native", None),
        {1: pick_cpus(1)},
        request.pace,
        timed=(labelled or calibration).first(TIMED_IMAGES).save(folder),
        labelled=labelled.save(folder) if labelled else None,
        evaluate={
            entrant.model.folder
            for index, entrant in entrants.items()
            if len(prepared[index].row.accuracy) < len(data)
        },
    )
    measured = dict(zip(entrants, measurements, strict=True))
    references = {
        (prepared[index].row.name, prepared[index].row.weights): measurement
        for index, measurement in measured.items()
        if prepared[index].row.name in (EAGER, UNTUNED) and measurement.rounds
    }
    rows = []
    for index, item in enumerate(prepared):
        if index not in measured:
            rows.append(item.row)
            continue
        logits = measured[index].logits
        if logits is not None:
            item.keep_logits(logits, data)
        rows.append(_row(item.with_accuracy(data).row, measured[index], references))
    return rows


def _row(row: StudyRow, measured: Measurement, references: Mapping[tuple[str, str], Measurement]) -> StudyRow:
    """*row* with its times; *references* by name and weights."""
    if not measured.rounds:
        return msgspec.structs.replace(row, error=measured.error or "not measured")

    def ratio(name: str) -> float | None:
        reference = references.get((name, row.weights))
        return round(paired_ratio(measured.rounds, reference.rounds).p50, 5) if reference else None

    p50, p99 = np.percentile(np.concatenate(measured.rounds), (50, 99)).tolist()
    return msgspec.structs.replace(
        row, p50_ms=round(p50, 4), p99_ms=round(p99, 4), eager=ratio(EAGER), untuned=ratio(UNTUNED)
    )
