"""`count.json`: schema version 1."""

from __future__ import annotations

from device_runtime.schema import Format, Strict

FILE = "count.json"


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
