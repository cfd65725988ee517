"""Instructions from a frame in memory to the text of its plate on emulated ARM boards, part by part.

What a board runs is counted as it runs it: the compiled modules, NumPy, OpenCV and the interpreter.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from device_runtime.bundle.manifest import read_manifest
from device_runtime.sources.image import Image
from host.bench.instructions.run import emulator
from host.bench.instructions.schema import PipelineCount, PipelineCounts
from host.emulate.count import Counts
from host.emulate.guests.pipeline import PARTS, WHOLE
from host.emulate.inference import count_pipeline
from host.targets.profile import Target
from host.targets.read import load_target
from host.tune.cycles import core_of, cycles

TARGETS = ("rpi4", "rpi5")

LOG = logging.getLogger(__name__)


def run(bundles: Mapping[str, Path], frame: Image) -> PipelineCounts:
    """Count each of *bundles*, by the name of its target, on *frame*, which has a plate.

    Raises:
        FatalError: the emulator or another tool is missing, or a bundle finds no plate or does not run.
    """
    rows: list[PipelineCount] = []
    with tempfile.TemporaryDirectory(prefix="count-") as folder:
        path = Path(folder) / "frame.npy"
        np.save(path, frame)
        for name, bundle in bundles.items():
            target = load_target(name)
            LOG.info("counting: the whole pipeline on %s", target.emulate_cpu)
            precision = read_manifest(bundle).precision
            rows += _rows(target, precision, count_pipeline(bundle, path, target))
    return PipelineCounts(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        emulator=emulator(),
        height=frame.shape[0],
        width=frame.shape[1],
        rows=tuple(rows),
    )


def _rows(target: Target, precision: str, counted: Mapping[str, Counts]) -> list[PipelineCount]:
    """The parts, the rest of the whole, and the whole as their sum."""
    core = core_of(target)

    def amounts(counts: Counts) -> tuple[int, int | None]:
        return counts.total, None if core is None else round(cycles(counts, core))

    parts = {name: amounts(counted[name]) for name in PARTS}
    whole = amounts(counted[WHOLE])
    # Estimated cycles of parts overlap, so that a difference of them says nothing.
    parts["rest"] = whole[0] - sum(part[0] for part in parts.values()), None
    parts["sum"] = whole
    return [
        PipelineCount(
            part=name,
            cpu=str(target.emulate_cpu),
            precision=precision,
            instructions=instructions,
            cycles=estimated,
        )
        for name, (instructions, estimated) in parts.items()
    ]
