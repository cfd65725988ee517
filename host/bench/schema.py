"""`bench.json`: schema version 1."""

from __future__ import annotations

from device_runtime.board.describe import Board
from device_runtime.schema import Format, Strict

FILE = "bench.json"
REFERENCE = ("onnxruntime", "fp32")
"""Runtime and precision that ratios refer to, at the same number of threads."""


class BenchRow(Strict, frozen=True, kw_only=True):
    """One runtime at one precision and number of threads; without `p50_ms`, `error` says why.

    Attributes:
        p05_ms, p25_ms, p50_ms, p75_ms: of one inference, batch 1, over all rounds.
        ratio: median over rounds of this row's time by the reference's in the same round; quartiles with it.
        speedup: median over rounds of this row's one-thread time by its own.
        accuracy: share of plates read without an error; None without data.
        bytes: the model's files, without the runtime.
        note: what else one should know to read the figures.
    """

    runtime: str
    precision: str
    threads: int
    version: str | None = None
    p05_ms: float | None = None
    p50_ms: float | None = None
    p25_ms: float | None = None
    p75_ms: float | None = None
    ratio: float | None = None
    ratio_p25: float | None = None
    ratio_p75: float | None = None
    speedup: float | None = None
    accuracy: float | None = None
    bytes: int | None = None
    note: str | None = None
    error: str | None = None

    @property
    def name(self) -> str:
        """Runtime, precision and threads in words."""
        return f"{self.runtime} {self.precision}, {in_words(self.threads)}"


class DataSet(Strict, frozen=True):
    """A folder of labelled images and how many of them were taken."""

    name: str
    images: int


class Settings(Strict, frozen=True, kw_only=True):
    """How the rows came about.

    Attributes:
        cpus: those a worker may run on, by its number of threads.
        load_average: of the last minute before the start; a quiet machine is near 0.
    """

    checkpoint: str
    checkpoint_sha256: str
    isa: str
    target: str
    rounds: int
    inferences: int
    warmup: int
    cpus: dict[str, tuple[int, ...]]
    data: tuple[DataSet, ...]
    calibration: DataSet
    load_average: float


class Bench(Strict, frozen=True, kw_only=True):
    """A whole benchmark.

    Attributes:
        created: UTC, ISO 8601.
        versions: of every distribution that took part.
    """

    schema_version: int = 1
    created: str
    machine: Board
    settings: Settings
    versions: dict[str, str]
    rows: tuple[BenchRow, ...]


FORMAT = Format(schema=Bench, what="a benchmark", version=1, todo="run make bench")


def in_words(threads: int) -> str:
    """A number of threads, e.g. `2 threads`."""
    return f"{threads} thread{'s' * (threads > 1)}"
