"""Two names → their comparison."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from device_runtime.errors import FatalError
from host.compare.compare import Comparison, compare
from host.compare.measure import measure
from host.compare.side import open_side


def compare_named(
    a: str,
    b: str,
    *,
    data: Sequence[Path],
    scenes: Path | None,
    rounds: int,
    frames: int,
    threads: int,
    resolution: float,
) -> Comparison:
    """Open both, run them in turns where they are bundles that run here, and compare.

    Args:
        data, scenes, rounds, frames, threads: as `measure` has them.
        resolution: as `compare` has it.

    Raises:
        FatalError: one cannot be opened or run, or they have nothing in common.
    """
    with tempfile.TemporaryDirectory(prefix="lpr-compare-") as scratch, ExitStack() as stack:
        work = Path(scratch)
        sides = []
        for name, folder in ((a, work / "a"), (b, work / "b")):
            folder.mkdir()
            sides.append(open_side(name, folder, stack))
        ours, theirs = sides
        runnable = all(side.bundle is not None and side.obstacle is None for side in sides)
        if runnable:
            ours, theirs = measure(
                (ours, theirs), work, data=data, scenes=scenes, rounds=rounds, frames=frames, threads=threads
            )
        elif (ours.bundle is None) != (theirs.bundle is None):
            raise FatalError(
                f"{a} and {b}",
                "are a report and a bundle",
                "name two reports, or two bundles, targets or revisions",
            )
        return compare(ours, theirs, resolution, paired=runnable)
