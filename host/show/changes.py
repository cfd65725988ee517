"""What changed since the bundle before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_runtime.report.report import Report
from host.show.latency import stage_name, stages_of
from host.show.series import board_name
from host.show.table import Table

_FIELDS = ("target", "precision", "schedule", "checkpoint", "checkpoint_sha256", "tvm", "created_by")


@dataclass(frozen=True, kw_only=True)
class Change:
    """The last bundle of a board beside the one before.

    Attributes:
        board: which.
        what: fields of the bundle that differ, in words.
        table: measure, before, after, change.
    """

    board: str
    what: str
    table: Table


def changes(reports: Sequence[Report]) -> list[Change]:
    """For each board that ran two bundles on as many threads: its last report beside the last of another."""
    by_board: dict[tuple[str, int], list[Report]] = {}
    for report in sorted(reports, key=lambda report: report.created_at):
        by_board.setdefault((board_name(report), report.run.threads), []).append(report)
    found = []
    for (board, _), runs in by_board.items():
        after = runs[-1]
        others = [run for run in runs if run.bundle.manifest_sha256 != after.bundle.manifest_sha256]
        if others:
            found.append(change(board, others[-1], after))
    return found


def change(board: str, before: Report, after: Report) -> Change:
    """*after* beside *before*, both of *board*."""
    old, new = before.bundle, after.bundle
    what = [
        f"{key}: {_short(getattr(old, key))} → {_short(getattr(new, key))}"
        for key in _FIELDS
        if getattr(old, key) != getattr(new, key)
    ]
    rows = [_row("model", "MB", old.model_bytes / 1e6, new.model_bytes / 1e6)]
    for stage in stages_of([before.stages, after.stages]):
        if stage in before.stages and stage in after.stages:
            one, other = before.stages[stage], after.stages[stage]
            rows.append(_row(f"{stage_name(stage)}, p50", "ms", one.p50_ms, other.p50_ms))
            rows.append(_row(f"{stage_name(stage)}, p99", "ms", one.p99_ms, other.p99_ms))
    rows.append(_row("throughput", "frames/s", before.throughput, after.throughput))
    if before.peak_rss_mb and after.peak_rss_mb:
        rows.append(_row("peak memory", "MiB", before.peak_rss_mb, after.peak_rss_mb))
    if before.accuracy and after.accuracy:
        one_share, other_share = before.accuracy.accuracy, after.accuracy.accuracy
        shift = f"{(other_share - one_share) * 100:+.1f} points"
        rows.append(("accuracy", f"{one_share:.1%}", f"{other_share:.1%}", shift))
    return Change(
        board=board,
        what="; ".join(what) or "the manifest alone",
        table=Table(
            caption=f"{board}: {before.created_at}, {before.run.n} frames; {after.created_at}, {after.run.n}",
            headings=("measure", "before", "after", "change"),
            rows=rows,
        ),
    )


def _row(what: str, unit: str, before: float, after: float) -> tuple[str, str, str, str]:
    share = f"{after / before - 1:+.1%}" if before > 0 else "–"
    return f"{what}, {unit}", f"{before:.3f}", f"{after:.3f}", share


def _short(value: str) -> str:
    # A hash is told from another by its beginning.
    return f"{value[:12]}…" if len(value) == 64 else value
