"""`pipelines.json`: schema version 1."""

from __future__ import annotations

from device_runtime.board.describe import Board
from device_runtime.schema import Format, Strict

FILE = "pipelines.json"


class PipelineRow(Strict, frozen=True, kw_only=True):
    """One pipeline; without `p50_ms`, `error` says why.

    Attributes:
        n: frames, with one plate each.
        found: of these, at an intersection over union of hulls of at least 0.5.
        read: of these, whose whole text was read.
        p25_ms, p50_ms, p75_ms: of one frame in memory to the texts on it, over all rounds.
        ratio: median over rounds of this row's time by the reference's in the same round; quartiles with it.
    """

    pipeline: str
    version: str | None = None
    n: int | None = None
    found: int | None = None
    read: int | None = None
    p25_ms: float | None = None
    p50_ms: float | None = None
    p75_ms: float | None = None
    ratio: float | None = None
    ratio_p25: float | None = None
    ratio_p75: float | None = None
    error: str | None = None


class PipelineSettings(Strict, frozen=True, kw_only=True):
    """How the rows came about.

    Attributes:
        frames: what they were made of.
        width, height: of a frame, px.
        timed: how many of them were timed, in each of `rounds` turns.
        threads: of each pipeline, on `cpus`.
        reference: the pipeline that ratios refer to; None where no peer was timed.
        bundle, precision: the bundle's target and precision.
        load_average: of the last minute before the start; a quiet machine is near 0.
    """

    frames: str
    width: int
    height: int
    timed: int
    rounds: int
    threads: int
    cpus: tuple[int, ...]
    reference: str | None
    bundle: str
    precision: str
    load_average: float


class Pipelines(Strict, frozen=True, kw_only=True):
    """All pipelines side by side.

    Attributes:
        created: UTC, ISO 8601.
    """

    schema_version: int = 1
    created: str
    machine: Board
    settings: PipelineSettings
    rows: tuple[PipelineRow, ...]


FORMAT = Format(schema=Pipelines, what="a benchmark of pipelines", version=1, todo="run make bench")
