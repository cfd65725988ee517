"""`results.json`: schema version 1."""

from __future__ import annotations

import msgspec

from device_runtime.board.describe import Board
from device_runtime.schema import Format, Strict

FILE = "results.json"
EAGER, UNTUNED = "PyTorch", "TVM, default schedules"
"""Names of the rows that ratios refer to, among those of the same weights."""


class StudyRow(Strict, frozen=True, kw_only=True):
    """One variant of one set of weights; without `p50_ms`, `error` says why.

    Attributes:
        name: the variant's.
        weights: `shipped`, `public`, or the file's name.
        key: hash of all that the row was made from.
        bytes: on disk, without the runtime: the checkpoint, or the module with its code.
        parameters, macs: of the network as this variant computes it, an image.
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
    accuracy: dict[str, float] = msgspec.field(default_factory=dict)
    note: str = ""
    error: str | None = None


class Results(Strict, frozen=True, kw_only=True):
    """The whole table.

    Attributes:
        created: UTC, ISO 8601, of the timings.
        timed: hash of what was timed and how; rows of another one cannot be compared.
        load_average: of the last minute before the timings; a quiet machine is near 0.
        datasets: number of plates by data set.
    """

    schema_version: int = 1
    created: str
    machine: Board
    target: str
    rounds: int
    inferences: int
    load_average: float
    datasets: dict[str, int]
    timed: str
    rows: tuple[StudyRow, ...]


FORMAT = Format(
    schema=Results,
    what="a table of results",
    version=1,
    todo="run make results",
    outdated="delete it and run make results",
)
