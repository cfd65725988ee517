"""`bench.json`: schema version 1."""

from __future__ import annotations

from pathlib import Path

import msgspec

from device_runtime.board.describe import Board
from device_runtime.errors import FatalError
from device_runtime.files import write_atomic

SCHEMA_VERSION = 1
FILE = "bench.json"
REFERENCE = ("onnxruntime", "fp32")
"""Runtime and precision that ratios refer to, at the same number of threads."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One runtime at one precision and number of threads; without `p50_ms`, `error` says why.

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


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A folder of labelled images."""

    name: str
    images: int


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the rows came about; `cpus` are those a worker may run on, by its number of threads.

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
    data: tuple[Data, ...]
    calibration: Data
    load_average: float


class Bench(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole benchmark; `created` is UTC, ISO 8601; `versions` are of every distribution that took part."""

    schema_version: int = SCHEMA_VERSION
    created: str
    machine: Board
    settings: Settings
    versions: dict[str, str]
    rows: tuple[Row, ...]


def write(folder: Path, bench: Bench) -> Path:
    """Write `bench.json` into *folder* in one step and return its path."""
    path = folder / FILE
    write_atomic(path, msgspec.json.format(msgspec.json.encode(bench), indent=2) + b"\n")
    return path


def read(path: Path) -> Bench:
    """Read what `write` has written.

    Raises:
        FatalError: no such file, or not a benchmark of this schema version.
    """
    try:
        bench = msgspec.json.decode(path.read_bytes(), type=Bench)
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", "run make bench") from None
    except msgspec.DecodeError as error:
        raise FatalError(str(path), f"is not a benchmark ({error})", "run make bench") from None
    if bench.schema_version != SCHEMA_VERSION:
        raise FatalError(str(path), f"has schema version {bench.schema_version}", "run make bench again")
    return bench
