"""Report, version 1: what a board measured.

Boards and the host that reads their reports are updated at different times. So a field that is added has a
default, readers ignore fields they do not know, and `report_minor` counts the additions. `report_version`
changes only when an old reader would misunderstand a field.
"""

from __future__ import annotations

from device_runtime.board.describe import Board
from device_runtime.report.accuracy import Accuracy
from device_runtime.report.camera import CameraCounts
from device_runtime.schema import Format, Tolerant
from device_runtime.timing import Distribution

REPORT_VERSION, REPORT_MINOR = 1, 3


class BundleId(Tolerant, frozen=True, kw_only=True):
    """Which bundle ran; fields as in its manifest.

    Attributes:
        manifest_sha256: tells any two bundles apart.
        model_bytes, model_sha256: of `model.so` as built on the host.
    """

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


class RunSettings(Tolerant, frozen=True, kw_only=True):
    """How the run was made.

    Attributes:
        source: "images", "camera" or "golden".
        n: frames read.
        plates: read in them; None where each frame was taken for one plate.
        unreadable: files that were no images.
        camera: of a camera or stream.
        lpr_run, numpy, opencv: versions.
    """

    source: str
    n: int
    plates: int | None = None
    unreadable: int
    camera: CameraCounts | None = None
    threads: int
    grammar: bool
    lpr_run: str
    numpy: str
    opencv: str


class WarmUp(Tolerant, frozen=True, kw_only=True):
    """The inferences before the run, which are not in its timings.

    Attributes:
        n: how many.
        first_ms, p50_ms: the first one's time and the median; None where there were none.
    """

    n: int
    first_ms: float | None = None
    p50_ms: float | None = None


class Report(Tolerant, frozen=True, kw_only=True):
    """One run of `lpr-run`.

    Attributes:
        report_version, report_minor: of this schema.
        created_at: UTC, ISO 8601, at the end of the run.
        board: as at the end of the run.
        temperature_before_c: as at its start, °C.
        stages: of a frame with all its plates: read (not for golden inputs), locate and rectify (only where
            plates were looked for), preprocess, infer, decode and their sum, total; where events are made,
            also follow, sinks (handing over) and delay: how old the frame was when that was done.
        throughput: frames a second of wall-clock time, all included.
        peak_rss_mb: the most memory that was resident, MiB.
        golden_difference: largest difference of a golden output from the host's.
        accuracy: None without labels.
    """

    report_version: int = REPORT_VERSION
    report_minor: int = REPORT_MINOR
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


REPORT = Format(
    schema=Report,
    what="a report",
    version=REPORT_VERSION,
    version_key="report_version",
    todo="name files lpr-run wrote",
    outdated="update lpr-host",
)
"""How reports are read and written."""
