"""All pipelines on the same frames, in turns: what they find and read, and how long that takes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np

from device_runtime import __version__
from device_runtime.board import describe as board
from device_runtime.bundle.manifest import read_manifest
from host.bench import protocol
from host.bench.client import Worker, WorkerError
from host.bench.measure import EVALUATE_TIMEOUT_S, LOAD_TIMEOUT_S, Pace, in_turns, load_average, pick_cpus
from host.bench.pipelines.environment import interpreter
from host.bench.pipelines.frames import Frames
from host.bench.pipelines.registry import OUR_MODULE, OURS, PEERS, Peer
from host.bench.pipelines.schema import PipelineRow, Pipelines, PipelineSettings
from host.bench.stats import paired_ratio, spread
from lprnet.evaluation.scenes import Seen, compare, summarize

THREADS = 1
LIMITS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Of libraries that have no other switch."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PipelinesRequest:
    """What to measure.

    Attributes:
        bundle: ours.
        peers: names in `registry.PEERS`.
        frames: everything is counted on all of them.
        timed: how many of them are timed, the first ones; `pace.inferences` does not count.
        cache: where peers are installed.
    """

    bundle: Path
    peers: tuple[str, ...]
    frames: Frames
    timed: int
    pace: Pace
    cache: Path


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A pipeline's figures before they are compared: its row without times, and the milliseconds by round."""

    row: PipelineRow
    rounds: tuple[tuple[float, ...], ...] = ()


def run(request: PipelinesRequest) -> Pipelines:
    """Measure the bundle and the peers; what cannot be measured becomes a row with an `error`.

    Raises:
        FatalError: the bundle is at fault.
    """
    manifest = read_manifest(request.bundle)
    load, cpus = load_average(), pick_cpus(THREADS)
    entries = _measure(request, cpus)
    reference = fastest_equal(entries)
    return Pipelines(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=board.describe(),
        settings=PipelineSettings(
            frames=request.frames.name,
            width=request.frames.images.shape[2],
            height=request.frames.images.shape[1],
            timed=min(request.timed, len(request.frames.images)),
            rounds=request.pace.rounds,
            threads=THREADS,
            cpus=cpus,
            reference=reference.row.pipeline if reference else None,
            bundle=manifest.target.name,
            precision=manifest.precision,
            load_average=load,
        ),
        rows=tuple(_row(entry, reference) for entry in entries),
    )


def fastest_equal(entries: Sequence[Entry]) -> Entry | None:
    """The fastest peer that finds as many plates as ours; where none does, of those that find most."""
    ours = next((entry for entry in entries if entry.row.pipeline == OURS and entry.rounds), None)
    peers = [entry for entry in entries if entry.row.pipeline != OURS and entry.rounds]
    if not peers:
        return None
    most = max(entry.row.found or 0 for entry in peers)
    enough = min(most, ours.row.found or 0) if ours else most
    able = [entry for entry in peers if (entry.row.found or 0) >= enough]
    return min(able, key=lambda entry: float(np.median(np.concatenate(entry.rounds))))


def _measure(request: PipelinesRequest, cpus: tuple[int, ...]) -> list[Entry]:
    names = (OURS, *request.peers)
    entries: dict[int, Entry] = {}
    workers: dict[int, Worker] = {}

    def drop(index: int, error: WorkerError) -> None:
        LOG.info("out: %s: %s", names[index], error)
        entries[index] = Entry(row=PipelineRow(pipeline=names[index], error=str(error)))

    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="frames-")))
        counted, timed = folder / "counted.npy", folder / "timed.npy"
        np.save(counted, request.frames.images)
        np.save(timed, request.frames.images[: request.timed])
        for index, name in enumerate(names):
            try:
                worker, version = _started(name, request, cpus, stack)
                seen = worker.ask(protocol.Read(str(counted)), EVALUATE_TIMEOUT_S)
                assert isinstance(seen, protocol.Seen)
                entries[index] = Entry(row=_counted(name, version, request.frames, seen))
                workers[index] = worker
                LOG.info("ready: %s", name)
            except WorkerError as error:
                drop(index, error)
        inferences = min(request.timed, len(request.frames.images))
        work = protocol.Time(str(timed), inferences, request.pace.warmup)
        for index, rounds in in_turns(workers, work, request.pace, drop).items():
            entries[index] = Entry(row=entries[index].row, rounds=rounds)
    return [entries[index] for index in range(len(names))]


def _started(
    name: str, request: PipelinesRequest, cpus: tuple[int, ...], stack: ExitStack
) -> tuple[Worker, str]:
    """A worker with the pipeline loaded, and its version.

    Raises:
        WorkerError: it cannot be installed or loaded.
    """
    peer: Peer | None = None if name == OURS else PEERS[name]
    python = Path(sys.executable) if peer is None else interpreter(name, peer, request.cache)
    worker = stack.enter_context(Worker(python, cpus, LIMITS))
    version = __version__
    if peer is not None:
        installed = worker.ask(protocol.Versions((peer.distribution,)), LOAD_TIMEOUT_S)
        assert isinstance(installed, protocol.Installed)
        version = installed.versions.get(peer.distribution, "")
    load = protocol.Load(
        module=OUR_MODULE if peer is None else peer.module,
        precision="",
        folder=str(request.bundle.resolve()) if peer is None else "",
        threads=THREADS,
    )
    worker.ask(load, LOAD_TIMEOUT_S)
    return worker, version


def _counted(name: str, version: str, frames: Frames, seen: protocol.Seen) -> PipelineRow:
    outcomes = [
        compare(photograph, [Seen(np.array(p.corners, np.float32), 1.0, p.text, 1.0) for p in plates])
        for photograph, plates in zip(frames.photographs, seen.frames, strict=True)
    ]
    total = summarize(outcomes).total
    return PipelineRow(pipeline=name, version=version, n=total.n, found=total.found, read=total.read)


def _row(entry: Entry, reference: Entry | None) -> PipelineRow:
    if not entry.rounds:
        return entry.row
    latency = spread(np.concatenate(entry.rounds))
    row = msgspec.structs.replace(
        entry.row,
        p25_ms=round(latency.p25, 4),
        p50_ms=round(latency.p50, 4),
        p75_ms=round(latency.p75, 4),
    )
    if reference is None:
        return row
    ratio = paired_ratio(entry.rounds, reference.rounds)
    return msgspec.structs.replace(
        row, ratio=round(ratio.p50, 4), ratio_p25=round(ratio.p25, 4), ratio_p75=round(ratio.p75, 4)
    )
