"""Tuning records: which tile was best for a convolution on a target, and how that was found out.

One JSON file per target, `targets/tuned/<target>.json`, sorted by workload, so that a new record is one hunk
of a diff.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from device_runtime.schema import Format, Strict
from host.kernels.shape import Tile
from host.paths import TUNED
from host.targets.profile import Target

VERSION = 2
"""Of the files."""

Unit = Literal["ns", "instructions", "cycles"]


class Record(Strict, frozen=True, kw_only=True):
    """The best tile found for one workload.

    Attributes:
        workload: `Workload.key` of the convolution.
        tile: the choice.
        metric: what it was chosen for, in `unit`, per call; fewer is better.
        default: the same of `default_tile`, measured alongside.
        unit: `ns` measured; `cycles` estimated from counted instructions; `instructions` counted.
        runner: `local`, `rpc` or `emulated`.
        cpu: model of the CPU measured or emulated.
    """

    workload: str
    tile: Tile
    metric: float
    default: float
    unit: Unit
    runner: str
    cpu: str


class Records(Strict, frozen=True):
    """All records of a target, sorted by workload, one each."""

    target: str
    records: tuple[Record, ...] = ()
    schema_version: int = VERSION

    def of(self, *workloads: str) -> Record | None:
        """The record of the first of *workloads* that there is one of."""
        records = {r.workload: r for r in self.records}
        return next((records[workload] for workload in workloads if workload in records), None)

    def merge(self, new: Iterable[Record]) -> Records:
        """These records, with *new* ones in place of those of the same workload."""
        merged = {r.workload: r for r in (*self.records, *new)}
        return Records(self.target, tuple(merged[key] for key in sorted(merged)))


TUNING_RECORDS = Format(
    schema=Records,
    what="tuning records",
    version=VERSION,
    todo="restore it, or delete and tune",
)
"""How the files are read and written."""


def path_of(target: str, folder: Path = TUNED) -> Path:
    """Where the records of the target of that name are."""
    return folder / f"{target}.json"


def read_for(target: Target, folder: Path = TUNED) -> Records:
    """The records for *target*: its own, and for what it has none those of the targets that it uses.

    A record names the CPU it was measured on.

    Raises:
        FatalError: a file that is there is not one of records.
    """
    records = Records(target.name)
    for path in (path_of(name, folder) for name in (*reversed(target.tuning_uses), target.name)):
        if path.exists():
            records = records.merge(TUNING_RECORDS.read(path).records)
    return records


def describe_tile(tile: Tile) -> str:
    """E.g. `5×4 unroll 2`: pixels by vectors."""
    scheme = f"Winograd F({tile.scheme},3) " if tile.scheme else ""
    unroll = f" unroll {tile.unroll}" if tile.unroll > 1 else ""
    order = "" if tile.pixels_inner else ", channels inside"
    return f"{scheme}{tile.pixels}×{tile.vectors}{unroll}{order}"
