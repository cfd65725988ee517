"""Report, version 1: what a board measured."""

from __future__ import annotations

from pathlib import Path

import msgspec

from device_runtime import schema
from device_runtime.board.describe import Board
from device_runtime.report.accuracy import Accuracy
from device_runtime.timing import Distribution

REPORT_VERSION = 1


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class BundleId(_Record, frozen=True, kw_only=True):
    """Which bundle ran: `manifest_sha256` tells any two apart."""

    manifest_sha256: str
    created_by: str
    target: str
    display_name: str
    precision: str
    schedule: str
    checkpoint: str
    checkpoint_sha256: str
    tvm: str
    model_bytes: int
    model_sha256: str


class RunSettings(_Record, frozen=True, kw_only=True):
    """`source` is "images", "camera" or "golden"; `n` counts the plates read, `unreadable` the failures."""

    source: str
    n: int
    unreadable: int
    threads: int
    grammar: bool
    lpr_run: str
    numpy: str
    opencv: str


class WarmUp(_Record, frozen=True, kw_only=True):
    """Untimed inferences before the run; times are null where there were none."""

    n: int
    first_ms: float | None = None
    p50_ms: float | None = None


class Report(_Record, frozen=True, kw_only=True):
    """One run of `lpr-run`.

    `board` is as at the end of the run and `temperature_before_c` from its start. `stages` holds read (not
    for golden inputs), preprocess, infer, decode and their sum, total; `throughput` is plates a second of
    the run's wall-clock time, all included.
    """

    report_version: int = REPORT_VERSION
    created_at: str
    bundle: BundleId
    board: Board
    temperature_before_c: float | None = None
    run: RunSettings
    warmup: WarmUp
    stages: dict[str, Distribution]
    throughput: float
    peak_rss_mb: float | None = None
    golden_difference: float
    accuracy: Accuracy | None = None


_FORMAT = schema.Format(
    schema=Report,
    what="a report",
    version=REPORT_VERSION,
    version_key="report_version",
    todo="name files lpr-run wrote",
)
encode = schema.encode
decode, read = _FORMAT.decode, _FORMAT.read


def write(report: Report, path: Path) -> None:
    """Replace the file *path* as a whole; makes its folder.

    Raises:
        FatalError: the file system refuses.
    """
    _FORMAT.write(path, report)
