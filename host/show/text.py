"""Reports as the rows of a table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from device_runtime.report.report import Report
from host.show.markup import visible
from host.show.series import board_name, ordered

HEADINGS = (
    "board",
    "target",
    "prec.",
    "thr.",
    "n",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "infer p50",
    "frames/s",
    "MiB",
    "accuracy",
)
NUMBERS = HEADINGS[3:]
"""The columns that are set to the right."""


def rows(reports: Sequence[Report]) -> list[tuple[str, ...]]:
    """A row each, fastest first; latencies are of the whole, from reading to text, in ms."""
    return [_row(report) for report in ordered(reports)]


def _row(report: Report) -> tuple[str, ...]:
    total = report.stages["total"]
    return (
        visible(board_name(report)[:40]),
        visible(report.bundle.target),
        visible(report.bundle.precision),
        str(report.run.threads),
        str(report.run.n),
        f"{total.p50_ms:.2f}",
        f"{total.p90_ms:.2f}",
        f"{total.p99_ms:.2f}",
        f"{report.stages['infer'].p50_ms:.2f}",
        f"{report.throughput:.1f}",
        "–" if report.peak_rss_mb is None else f"{report.peak_rss_mb:.0f}",
        "–" if report.accuracy is None else f"{report.accuracy.accuracy:.3f}",
    )
