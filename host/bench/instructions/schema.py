"""`count.json` and `count-pipeline.json`: schema version 1."""

from __future__ import annotations

from device_runtime.schema import Format, Strict

FILE, PIPELINE_FILE = "count.json", "count-pipeline.json"


class InstructionRow(Strict, frozen=True, kw_only=True):
    """One runtime at one precision on one CPU; without `instructions`, `error` says why.

    Attributes:
        instructions: executed for one inference.
        cycles: estimated from their classes and the core's issue rates (`host.tune.cycles`).
        note: how the model was made.
    """

    runtime: str
    precision: str
    cpu: str
    instructions: int | None = None
    cycles: int | None = None
    version: str | None = None
    note: str | None = None
    error: str | None = None


class InstructionBench(Strict, frozen=True, kw_only=True):
    """All counts.

    Attributes:
        created: UTC, ISO 8601.
        emulator: QEMU's name and version.
    """

    schema_version: int = 1
    created: str
    emulator: str
    checkpoint: str
    checkpoint_sha256: str
    rows: tuple[InstructionRow, ...]


FORMAT = Format(schema=InstructionBench, what="a count of instructions", version=1, todo="run lpr-host count")


class PipelineCount(Strict, frozen=True, kw_only=True):
    """A part of the pipeline on one CPU.

    Attributes:
        part: one of `host.emulate.guests.pipeline.PARTS`; `rest`, what is between them; `sum`, all together.
        precision: of the bundle.
        instructions: executed for one frame, the interpreter's, NumPy's and OpenCV's too.
        cycles: estimated from their classes and the core's issue rates (`host.tune.cycles`); not of `rest`.
    """

    part: str
    cpu: str
    precision: str
    instructions: int
    cycles: int | None = None


class PipelineCounts(Strict, frozen=True, kw_only=True):
    """The pipeline on every CPU.

    Attributes:
        created: UTC, ISO 8601.
        emulator: QEMU's name and version.
        width, height: of the frame, px.
    """

    schema_version: int = 1
    created: str
    emulator: str
    width: int
    height: int
    rows: tuple[PipelineCount, ...]


PIPELINE_FORMAT = Format(
    schema=PipelineCounts,
    what="a count of the pipeline's instructions",
    version=1,
    todo="run lpr-host count --pipeline",
)
