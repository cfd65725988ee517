"""Search the tile of one convolution after the other until the time is up."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from host.lower.tuned import TUNING_RECORDS, Record, Records, describe_tile
from host.lower.workload import Workload
from host.tune.search import Progress, Runner, search
from lprnet.console import changing_line

LOG = logging.getLogger(__name__)


def untuned(workloads: Mapping[str, Workload], records: Records, runner: Runner) -> dict[str, Workload]:
    """Those of *workloads* that have no record by *runner* yet."""

    def known(workload: Workload) -> bool:
        record = records.of(workload.key)
        return record is not None and record.runner == runner.name

    return {layer: workload for layer, workload in workloads.items() if not known(workload)}


def run(
    workloads: Mapping[str, Workload],
    runner: Runner,
    records: Records,
    output: Path,
    trials: int,
    minutes: float,
) -> None:
    """Search the best tile of every one of *workloads* and write it to *output* as soon as it is known.

    Args:
        workloads: by the name of their layer.
        records: what *output* has already; what is found is added.
        trials: measurements for each, about.
        minutes: for all together; each may use an equal share of what is left.
    """
    end = time.monotonic() + 60 * minutes
    for i, (layer, workload) in enumerate(workloads.items()):
        remaining = end - time.monotonic()
        if remaining <= 0:
            LOG.info("time is up; %d left for the next run", len(workloads) - i)
            break
        deadline = time.monotonic() + remaining / (len(workloads) - i)
        with changing_line(f"[{i + 1:2}/{len(workloads)}] {layer:<18}", LOG) as show:
            record = search(workload, runner, trials, deadline, lambda p: show(_progress(p, runner)))
            show(_result(record))
        records = records.merge([record])
        TUNING_RECORDS.write(output, records)


def _progress(progress: Progress, runner: Runner) -> str:
    best = _amount(progress.metric, runner.unit)
    return f"{progress.trials:3} tiles, best {describe_tile(progress.best)}: {best}"


def _result(record: Record) -> str:
    gain = 100 * (1 - record.metric / record.default)
    best = _amount(record.metric, record.unit)
    return f"{describe_tile(record.tile)}: {best}, {gain:.1f} % less than the default tile"


def _amount(value: float, unit: str) -> str:
    return f"{value / 1e3:.1f} µs" if unit == "ns" else f"{value / 1e6:.3f} M {unit}"
