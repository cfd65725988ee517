"""A run in all detail: board, bundle, settings, stages."""

from __future__ import annotations

from device_runtime.report.report import Report
from host.show import latency
from host.show.section import Part
from host.show.series import board_name
from host.show.table import Table


def details(report: Report, label: str) -> Part:
    """Board, bundle, settings and stages of a run."""
    return Part(
        title=label,
        tables=[
            Table(
                caption="Board, bundle and run",
                headings=("what", "value"),
                rows=_facts(report),
                words=frozenset({1}),
            ),
            latency.stage_table("Stages, milliseconds", [report.stages], [label]),
        ],
    )


def _facts(report: Report) -> list[tuple[str, str]]:
    board, bundle, run = report.board, report.bundle, report.run
    temperature = _unit(board.temperature_c, "°C")
    if report.temperature_before_c is not None:
        temperature = f"{_unit(report.temperature_before_c, '°C')} before, {temperature} after"
    frequency = f"{_unit(board.frequency_mhz, 'MHz')} of {_unit(board.max_frequency_mhz, 'MHz')}"
    warm_up = f"{report.warmup.n} inferences"
    if report.warmup.first_ms is not None and report.warmup.p50_ms is not None:
        warm_up += f", first {report.warmup.first_ms:.2f} ms, median {report.warmup.p50_ms:.2f} ms"
    return [
        ("board", board_name(report)),
        ("processor", f"{board.cpu or 'unknown'}, {board.arch or '?'}, {board.cores or '?'} cores"),
        ("cores that read", ", ".join(map(str, board.cores_used or ())) or "unknown"),
        ("governor, frequency", f"{board.governor or 'unknown'}, {frequency}"),
        ("temperature", temperature),
        ("throttling", board.throttling or "unknown"),
        ("memory", _unit(board.memory_mb, "MiB")),
        ("system", f"{board.os or 'unknown'}, {board.kernel or '?'}, Python {board.python or '?'}"),
        ("bundle", f"{bundle.display_name} ({bundle.target}), {bundle.precision}, {bundle.schedule}"),
        ("checkpoint", f"{bundle.checkpoint}, SHA-256 {bundle.checkpoint_sha256[:16]}…"),
        ("module", f"{bundle.model_bytes:,} bytes, SHA-256 {bundle.model_sha256[:16]}…, TVM {bundle.tvm}"),
        ("manifest", f"SHA-256 {bundle.manifest_sha256[:16]}…, by {bundle.created_by}"),
        (
            "run",
            f"{run.n} from {run.source}, {run.unreadable} unreadable, {run.threads} threads, "
            f"plate grammar {'on' if run.grammar else 'off'}",
        ),
        ("warm-up", warm_up),
        ("golden outputs", f"within {report.golden_difference:.2g}"),
        ("software", f"lpr-run {run.lpr_run}, NumPy {run.numpy}, OpenCV {run.opencv}"),
        ("measured", report.created_at),
    ]


def _unit(value: float | None, unit: str) -> str:
    return "unknown" if value is None else f"{value:g} {unit}"
