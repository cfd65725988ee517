"""The benchmark as a whole: models, then measurements, then rows."""

from __future__ import annotations

import os
import tempfile
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
from host.bench.data import Images, accuracy, load_images
from host.bench.isa import mask_library
from host.bench.measure import Entrant, Log, Pace, measure, pick_cpus
from host.bench.models import Place, Variant
from host.bench.runtimes import OURS, Source
from host.bench.schema import REFERENCE, Bench, Row, Settings
from host.bench.stats import paired_ratio, spread
from host.quantize.calibration import CALIBRATION_IMAGES
from lprnet.network.alphabet import Alphabet
from lprnet.network.checkpoint import load_checkpoint

TIMED_IMAGES = 16
BUSY = 0.5


@dataclass(frozen=True)
class Request:
    """What to measure.

    Args:
        bundles: take the place of the bundles that are otherwise built for *target*.
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


def run(request: Request, log: Log) -> Bench:
    """Measure everything that *request* names; what cannot be measured becomes a row with an `error`.

    Raises:
        FatalError: the request itself is at fault: weights, data, bundle, threads.
    """
    checkpoint = load_checkpoint(request.weights)
    cpus = {threads: pick_cpus(threads) for threads in request.threads}
    variants = _variants(request)
    calibration = load_images((request.calibration,), CALIBRATION_IMAGES)
    data = load_images(request.data) if request.data else None
    inputs = request.cache / "inputs"
    timed = data or calibration
    timing_inputs = Images(timed.tensors[:TIMED_IMAGES], (), ()).save(inputs)
    source = Source(request.weights, calibration.save(inputs), request.isa, request.target)
    mask = mask_library(request.cache) if request.isa == "avx2" else None
    place = Place(request.python, request.isa, mask)
    versions = models.installed(request.python)

    load = round(os.getloadavg()[0], 2)
    if load > BUSY:
        log(f"load average {load:.1f}: other programs run here, and the figures will be rough")
    entrants: list[Entrant] = []
    failures: list[Row] = []
    for variant in variants:
        try:
            log(f"model: {variant.runtime} {variant.precision}")
            model = models.prepare(variant, source, place, versions, request.cache)
            entrants += [Entrant(model, threads) for threads in request.threads]
        except (models.WorkerError, FatalError) as error:
            log(f"out: {variant.runtime} {variant.precision}: {error}")
            failures += [_failure(variant, threads, str(error)) for threads in request.threads]
    request.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=request.cache) as scratch:
        labelled = data.save(inputs) if data else None
        measure(entrants, place, cpus, request.pace, timing_inputs, labelled, Path(scratch), log)
        accuracies = _accuracies(entrants, data, checkpoint.alphabet)
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
        rows=(*rows(entrants, accuracies), *failures),
    )


def rows(entrants: Sequence[Entrant], accuracies: Mapping[int, float]) -> list[Row]:
    """A row for every entrant, in their order; *accuracies* by the `id` of an entrant's model."""
    return [_row(entrant, entrants, accuracies.get(id(entrant.model))) for entrant in entrants]


def _row(entrant: Entrant, entrants: Sequence[Entrant], accuracy: float | None) -> Row:
    model, variant = entrant.model, entrant.model.variant
    row = Row(
        runtime=variant.runtime,
        precision=variant.precision,
        threads=entrant.threads,
        version=model.version,
        accuracy=accuracy,
        bytes=model.bytes,
        note=model.note,
        error=entrant.error,
    )
    if not entrant.rounds:
        return msgspec.structs.replace(row, error=entrant.error or "not measured")
    samples = [ms for values in entrant.rounds for ms in values]
    latency = spread(samples)
    row = msgspec.structs.replace(
        row,
        p05_ms=_ms(float(np.percentile(samples, 5))),
        p25_ms=_ms(latency.p25),
        p50_ms=_ms(latency.p50),
        p75_ms=_ms(latency.p75),
    )
    reference = _find(entrants, *REFERENCE, entrant.threads)
    if reference is not None:
        ratio = paired_ratio(entrant.rounds, reference.rounds)
        row = msgspec.structs.replace(
            row, ratio=round(ratio.p50, 4), ratio_p25=round(ratio.p25, 4), ratio_p75=round(ratio.p75, 4)
        )
    single = next((e for e in entrants if e.model is model and e.threads == 1 and e.rounds), None)
    if single is not None and entrant.threads > 1:
        speedup = round(paired_ratio(single.rounds, entrant.rounds).p50, 3)
        row = msgspec.structs.replace(row, speedup=speedup)
    return row


def _find(entrants: Sequence[Entrant], runtime: str, precision: str, threads: int) -> Entrant | None:
    for entrant in entrants:
        variant = entrant.model.variant
        if (variant.runtime, variant.precision, entrant.threads) == (runtime, precision, threads):
            return entrant if entrant.rounds else None
    return None


def _variants(request: Request) -> list[Variant]:
    if request.bundles:
        ours = [Variant(OURS, read_manifest(path).precision, path) for path in request.bundles]
    else:
        ours = [Variant(OURS, precision) for precision in request.precisions]
    peers = [Variant(peer, precision) for peer in request.peers for precision in request.precisions]
    return ours + [v for v in peers if v.precision in v.spec.precisions]


def _accuracies(entrants: Sequence[Entrant], data: Images | None, alphabet: Alphabet) -> dict[int, float]:
    if data is None:
        return {}
    return {
        id(entrant.model): round(accuracy(np.load(entrant.logits), data.labels, alphabet), 4)
        for entrant in entrants
        if entrant.logits is not None
    }


def _failure(variant: Variant, threads: int, reason: str) -> Row:
    return Row(runtime=variant.runtime, precision=variant.precision, threads=threads, error=reason)


def _ms(value: float) -> float:
    return round(value, 4)
