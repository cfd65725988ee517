"""Tuning records: which tile was best for a convolution on a target, and how that was found out.

One JSON file per target, `targets/tuned/<target>.json`, sorted by workload, so that a new record is one hunk
of a diff.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from host.kernels.shape import Tile
from host.paths import TUNED
from host.targets.profile import Target

STAND_INS = {"avx512vnni": "x86-64-vnni", "avxvnni": "x86-64-v3", "avx2": "x86-64-v3", "neon": "rpi4"} | {
    "neon-dotprod": "rpi5"
}
"""Whose records other targets use for what was not tuned on them, by instruction family.

A record names the CPU it was measured on.
"""

RELATIVES = {"znver4": "zen4", "znver5": "zen4", "cortex-a53": "rpi3"}
"""Whose records come before those of `STAND_INS`, by LLVM's name of the CPU."""

Unit = Literal["ns", "instructions", "cycles"]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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


class Records(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All records of a target, sorted by workload, one each."""

    target: str
    records: tuple[Record, ...] = ()
    schema_version: Literal[2] = 2

    def of(self, workload: str) -> Record | None:
        """The record of *workload*."""
        return next((r for r in self.records if r.workload == workload), None)

    def merge(self, new: Iterable[Record]) -> Records:
        """These records, with *new* ones in place of those of the same workload."""
        merged = {r.workload: r for r in (*self.records, *new)}
        return Records(self.target, tuple(merged[key] for key in sorted(merged)))


def path_of(target: str, folder: Path = TUNED) -> Path:
    """Where the records of the target of that name are."""
    return folder / f"{target}.json"


def read(path: Path) -> Records:
    """Records in the file *path*.

    Raises `FatalError` naming the file and what is wrong with it.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Records)
    except OSError as error:
        raise FatalError(str(path), error.strerror or "cannot be read", "check the path") from error
    except msgspec.DecodeError as error:
        raise FatalError(
            str(path), f"not tuning records: {error}", "restore it, or delete and tune"
        ) from error


def read_for(target: Target, folder: Path = TUNED) -> Records:
    """The records for *target*: its own, for what it has none those of its CPU, then of its instructions."""
    names = (STAND_INS.get(target.isa), RELATIVES.get(target.llvm.mcpu), target.name)
    records = Records(target.name)
    for path in (path_of(name, folder) for name in names if name):
        if path.exists():
            records = records.merge(read(path).records)
    return records


def write(path: Path, records: Records) -> None:
    """Replace the file *path* as a whole.

    Raises `FatalError` when the disk refuses.
    """
    write_atomic(path, msgspec.json.format(msgspec.json.encode(records), indent=1) + b"\n")


def describe_tile(tile: Tile) -> str:
    """E.g. `5×4 unroll 2`: pixels by vectors."""
    scheme = f"Winograd F({tile.scheme},3) " if tile.scheme else ""
    unroll = f" unroll {tile.unroll}" if tile.unroll > 1 else ""
    order = "" if tile.pixels_inner else ", channels inside"
    return f"{scheme}{tile.pixels}×{tile.vectors}{unroll}{order}"
