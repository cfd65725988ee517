"""Report, version 1: what a board measured."""

from __future__ import annotations

from pathlib import Path

import msgspec

from device_runtime.board.describe import Board
from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
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


def encode(report: Report) -> bytes:
    """Indented UTF-8 JSON."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def decode(data: bytes, source: str) -> Report:
    """Parse a report; *source* is named in errors.

    Raises:
        FatalError: not JSON, another version, or a key that does not fit.
    """
    try:
        raw = msgspec.json.decode(data)
        version = raw.get("report_version") if isinstance(raw, dict) else None
        if version != REPORT_VERSION:
            raise FatalError(
                source, f"is not a report of version {REPORT_VERSION}", "name files lpr-run wrote"
            )
        return msgspec.convert(raw, Report)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FatalError(source, f"is not a report ({error})", "name files lpr-run wrote") from None


def read(path: Path) -> Report:
    """Raises `FatalError` where `decode` does, or where the file cannot be read."""
    try:
        return decode(path.read_bytes(), str(path))
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", "check the path") from None


def write(report: Report, path: Path) -> None:
    write_atomic(path, encode(report))
