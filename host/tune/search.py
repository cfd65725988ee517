"""Search for the fastest register tile of a convolution.

A search of our own rather than MetaSchedule's: it samples and mutates *schedules*, traces of transformations
of one loop nest, while here every candidate is a kernel *emitted* by a generator (tiles with remainders,
by-element operands and dot-product blocks are no transformation of a common nest), and the space is a few
dozen tiles, which need no cost model. Nor would its records serve: they store traces. Its RPC runner measures
every candidate in a session of its own; comparing tiles a few percent apart wants them in turns in one. TVM's
RPC server and tracker are used as they are (`host.tune.timed`), and the generic search is kept as a baseline
(`host.compile.baselines`).

Successive halving (Jamieson & Talwalkar, AISTATS 2016): all register tiles, direct and Winograd's, shortly;
the best of them unrolled and in both loop orders longer; the best few of those, with the default, thoroughly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from host.kernels.shape import Tile
from host.kernels.tile import candidates, default_tile
from host.lower.tuned import Record, Unit
from host.lower.workload import Workload
from host.tune.workload import loads, products, schemes

BATCH = 12
"""Candidates compiled and measured together."""
UNROLLS = (1, 2, 3, 4, 8)
LARGEST_BODY = 400
"""Multiply-accumulates in the innermost loop beyond which a kernel only takes longer to compile."""


class Runner(Protocol):
    """Compiles and measures candidates.

    Attributes:
        name: `local`, `rpc` or `emulated`.
        cpu: the model measured or emulated.
        unit: of what `measure` returns; fewer is better.
    """

    name: str
    cpu: str
    unit: Unit

    def measure(self, workload: Workload, tiles: Sequence[Tile], rung: int) -> list[float]:
        """Metric of every tile, measured roughly (rung 0) to thoroughly (rung 2)."""


@dataclass(frozen=True)
class Progress:
    """Where a search stands: tiles measured so far, and the best of them."""

    trials: int
    best: Tile
    metric: float


def unrolled(workload: Workload, tile: Tile) -> list[Tile]:
    """*tile* with every unrolling that divides the reduction, none included."""
    body = products(workload, tile)
    count = loads(workload, tile)
    return [
        replace(tile, unroll=n) for n in UNROLLS if n == 1 or (count % n == 0 and n * body <= LARGEST_BODY)
    ]


def search(
    workload: Workload,
    runner: Runner,
    trials: int = 48,
    deadline: float = float("inf"),
    progress: Callable[[Progress], None] = lambda _: None,
) -> Record:
    """The best tile of about *trials*; after *deadline* (`time.monotonic`) with what has been measured.

    Raises:
        FatalError: the runner fails.
    """
    seen: dict[Tile, float] = {}
    default = default_tile(workload.shape, workload.microkernel)

    def rung(number: int, tiles: Sequence[Tile]) -> list[Tile]:
        """*tiles* from best to worst; those that the deadline left unmeasured are missing."""
        metrics: dict[Tile, float] = {}
        for start in range(0, len(tiles), BATCH):
            if metrics and time.monotonic() > deadline:
                break
            batch = tiles[start : start + BATCH]
            metrics |= dict(zip(batch, runner.measure(workload, batch, number), strict=True))
            seen.update(metrics)
            best = min(metrics, key=lambda t: metrics[t])
            progress(Progress(len(seen), best, metrics[best]))
        return sorted(metrics, key=lambda t: metrics[t])

    possible = schemes(workload)
    each = max(1, trials // 2 // len(possible))
    first = [t for s in possible for t in candidates(workload.shape, workload.microkernel, s)[:each]]
    ranked = rung(0, list(dict.fromkeys([default, *first])))
    few = max(1, trials // 8)
    ranked = rung(1, [v for tile in ranked[:few] for v in unrolled(workload, tile)])
    ranked = rung(1, [replace(t, pixels_inner=inner) for t in ranked[:few] for inner in (True, False)])
    ranked = rung(2, list(dict.fromkeys([default, *ranked[:4]])))
    return Record(
        workload=workload.key,
        tile=ranked[0],
        metric=_rounded(seen[ranked[0]]),
        default=_rounded(seen[default]),
        unit=runner.unit,
        runner=runner.name,
        cpu=runner.cpu,
    )


def _rounded(metric: float) -> float:
    return float(f"{metric:.4g}")
