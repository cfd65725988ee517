"""`results.json`: schema version 1."""

from __future__ import annotations

from pathlib import Path

import msgspec

from device_runtime.board.describe import Board
from device_runtime.errors import FatalError
from device_runtime.files import write_atomic

SCHEMA_VERSION = 1
FILE = "results.json"
EAGER, UNTUNED = "PyTorch", "TVM, default schedules"
"""Names of the rows that ratios refer to, among those of the same weights."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way to run one set of weights; without `p50_ms`, `error` says why.

    Attributes:
        name: the way.
        weights: `shipped`, `public`, or the file's name.
        key: hash of all that the row was made from.
        bytes: on disk, without the runtime: the checkpoint, or the module with its code.
        parameters, macs: of the network as this way computes it, an image.
        p50_ms, p99_ms: of one inference, batch 1, one thread, over all rounds.
        eager, untuned: median over rounds of this row's time by that of `EAGER` and `UNTUNED`.
        accuracy: share of plates read without an error, by data set.
        note: what else one should know to read the figures.
    """

    name: str
    weights: str
    key: str = ""
    bytes: int | None = None
    parameters: int | None = None
    macs: int | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    eager: float | None = None
    untuned: float | None = None
    accuracy: dict[str, float] = {}
    note: str = ""
    error: str | None = None


class Results(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole table; `created` is UTC, ISO 8601, of the timings.

    Attributes:
        timed: hash of what was timed and how; rows of another one cannot be compared.
        load_average: of the last minute before the timings; a quiet machine is near 0.
        datasets: number of plates by data set.
    """

    schema_version: int = SCHEMA_VERSION
    created: str
    machine: Board
    target: str
    rounds: int
    inferences: int
    load_average: float
    datasets: dict[str, int]
    timed: str
    rows: tuple[Row, ...]


def write(folder: Path, results: Results) -> Path:
    """Write `results.json` into *folder* in one step and return its path."""
    path = folder / FILE
    write_atomic(path, msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    return path


def read(path: Path) -> Results:
    """Read what `write` has written.

    Raises:
        FatalError: no such file, or not results of this schema version.
    """
    try:
        results = msgspec.json.decode(path.read_bytes(), type=Results)
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", "run make results") from None
    except msgspec.DecodeError as error:
        raise FatalError(str(path), f"is no results table ({error})", "run make results") from None
    if results.schema_version != SCHEMA_VERSION:
        raise FatalError(str(path), f"has schema version {results.schema_version}", "run make results again")
    return results
