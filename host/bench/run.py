"""The benchmark as a whole: models, then measurements, then rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from device_runtime.board import describe as board
from device_runtime.bundle.manifest import read_manifest
from device_runtime.errors import FatalError
from host.bench import models
from host.bench.client import WorkerError
from host.bench.data import TIMED_IMAGES, Images, accuracy, load_images
from host.bench.isa import mask_library
from host.bench.measure import Entrant, Measurement, Pace, load_average, measure, pick_cpus
from host.bench.models import Configuration, Place
from host.bench.runtimes import OURS, ModelSource
from host.bench.schema import REFERENCE, Bench, BenchRow, Settings
from host.bench.stats import paired_ratio, spread
from host.quantize.calibration import CALIBRATION_IMAGES
from lprnet.network.alphabet import Alphabet
from lprnet.network.checkpoint import load_checkpoint

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BenchRequest:
    """What to measure.

    Attributes:
        bundles: take the place of the bundles that are otherwise built for *target*.
        isa: of `host.bench.isa.ISAS`; limits all runtimes.
        data: folders of labelled images for the accuracy; without any, there is none.
        calibration: folder of images that everybody's int8 is calibrated on.
        python: interpreter that has the peers' packages.
    """

    peers: tuple[str, ...]
    precisions: tuple[str, ...]
    threads: tuple[int, ...]
    weights: Path
    bundles: tuple[Path, ...]
    target: str
    isa: str
    data: tuple[Path, ...]
    calibration: Path
    pace: Pace
    python: Path
    cache: Path


def run(request: BenchRequest) -> Bench:
    """Measure everything that *request* names; what cannot be measured becomes a row with an `error`.

    Raises:
        FatalError: the request itself is at fault: weights, data, bundle, threads.
    """
    checkpoint = load_checkpoint(request.weights)
    cpus = {threads: pick_cpus(threads) for threads in request.threads}
    configurations = _configurations(request)
    calibration = load_images((request.calibration,), CALIBRATION_IMAGES)
    data = load_images(request.data) if request.data else None
    inputs = request.cache / "inputs"
    source = ModelSource(
        checkpoint=request.weights,
        calibration=calibration.save(inputs),
        isa=request.isa,
        target=request.target,
    )
    mask = mask_library(request.cache) if request.isa == "avx2" else None
    place = Place(request.python, request.isa, mask)
    versions = models.installed(request.python)

    load = load_average()
    entrants: list[Entrant] = []
    failures: list[BenchRow] = []
    for configuration in configurations:
        try:
            LOG.info("model: %s", configuration)
            model = models.prepare(configuration, source, place, versions, request.cache)
            entrants += [Entrant(model, threads) for threads in request.threads]
        except (WorkerError, FatalError) as error:
            LOG.info("out: %s: %s", configuration, error)
            failures += [_failure(configuration, threads, str(error)) for threads in request.threads]
    measurements = measure(
        entrants,
        place,
        cpus,
        request.pace,
        timed=(data or calibration).first(TIMED_IMAGES).save(inputs),
        labelled=data.save(inputs) if data else None,
        evaluate={entrant.model.folder for entrant in entrants},
    )
    accuracies = _accuracies(measurements, data, checkpoint.alphabet)
    return Bench(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=board.describe(),
        settings=Settings(
            checkpoint=request.weights.name,
            checkpoint_sha256=checkpoint.sha256,
            isa=request.isa,
            target=request.target,
            rounds=request.pace.rounds,
            inferences=request.pace.inferences,
            warmup=request.pace.warmup,
            cpus={str(threads): picked for threads, picked in cpus.items()},
            data=data.sources if data else (),
            calibration=calibration.sources[0],
            load_average=load,
        ),
        versions=versions,
        rows=(*rows(measurements, accuracies), *failures),
    )


def rows(measurements: Sequence[Measurement], accuracies: Mapping[Path, float]) -> list[BenchRow]:
    """A row for every measurement, in their order; *accuracies* by the model's folder."""
    return [_row(m, measurements, accuracies.get(m.entrant.model.folder)) for m in measurements]


def _row(measured: Measurement, others: Sequence[Measurement], accuracy: float | None) -> BenchRow:
    model, threads = measured.entrant.model, measured.entrant.threads
    row = BenchRow(
        runtime=model.configuration.runtime,
        precision=model.configuration.precision,
        threads=threads,
        version=model.version,
        accuracy=accuracy,
        bytes=model.bytes,
        note=model.note,
        error=measured.error,
    )
    if not measured.rounds:
        return msgspec.structs.replace(row, error=measured.error or "not measured")
    samples = np.concatenate(measured.rounds)
    latency = spread(samples)
    row = msgspec.structs.replace(
        row,
        p05_ms=_ms(float(np.percentile(samples, 5))),
        p25_ms=_ms(latency.p25),
        p50_ms=_ms(latency.p50),
        p75_ms=_ms(latency.p75),
    )
    reference = _find(others, Configuration(*REFERENCE), threads)
    if reference is not None:
        ratio = paired_ratio(measured.rounds, reference.rounds)
        row = msgspec.structs.replace(
            row, ratio=round(ratio.p50, 4), ratio_p25=round(ratio.p25, 4), ratio_p75=round(ratio.p75, 4)
        )
    single = _find(others, model.configuration, 1)
    if single is not None and threads > 1:
        speedup = round(paired_ratio(single.rounds, measured.rounds).p50, 3)
        row = msgspec.structs.replace(row, speedup=speedup)
    return row


def _find(
    measurements: Sequence[Measurement], configuration: Configuration, threads: int
) -> Measurement | None:
    """The first that was timed of *configuration* with *threads*."""
    for measured in measurements:
        entrant = measured.entrant
        if (entrant.model.configuration, entrant.threads) == (configuration, threads) and measured.rounds:
            return measured
    return None


def _configurations(request: BenchRequest) -> list[Configuration]:
    if request.bundles:
        ours = [Configuration(OURS, read_manifest(path).precision, path) for path in request.bundles]
    else:
        ours = [Configuration(OURS, precision) for precision in request.precisions]
    peers = [Configuration(peer, precision) for peer in request.peers for precision in request.precisions]
    return ours + [v for v in peers if v.precision in v.spec.precisions]


def _accuracies(
    measurements: Sequence[Measurement], data: Images | None, alphabet: Alphabet
) -> dict[Path, float]:
    if data is None:
        return {}
    return {
        measured.entrant.model.folder: round(accuracy(measured.logits, data.labels, alphabet), 4)
        for measured in measurements
        if measured.logits is not None
    }


def _failure(configuration: Configuration, threads: int, reason: str) -> BenchRow:
    return BenchRow(
        runtime=configuration.runtime, precision=configuration.precision, threads=threads, error=reason
    )


def _ms(value: float) -> float:
    return round(value, 4)
