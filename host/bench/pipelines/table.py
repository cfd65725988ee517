"""Pipelines side by side as a Markdown table."""

from __future__ import annotations

from host.bench.markdown import markdown_table, number
from host.bench.pipelines.registry import OURS
from host.bench.pipelines.schema import PipelineRow, Pipelines


def markdown(bench: Pipelines) -> str:
    """The rows, the fastest first; rows without a time at the end, with the reason."""
    rows = sorted(bench.rows, key=lambda row: row.p50_ms or 0.0)
    headings = ["pipeline", "found", "read", "ms (p50)", "p25–p75"]
    reference = bench.settings.reference
    headings += [f"÷ {reference}"] if reference else []
    lines = markdown_table(headings, [_cells(row, reference) for row in rows if row.p50_ms is not None])
    lines += [""] * any(row.error for row in rows)
    lines += [f"- {row.pipeline}: {row.error}" for row in rows if row.error]
    return "\n".join(lines)


def _cells(row: PipelineRow, reference: str | None) -> list[str]:
    name = f"{row.pipeline} {row.version}" if row.version else row.pipeline
    cells = [
        f"**{name}**" if row.pipeline == OURS else name,
        f"{row.found} of {row.n}",
        f"{row.read} of {row.n}",
        number(row.p50_ms, 2),
        f"{number(row.p25_ms, 2)}–{number(row.p75_ms, 2)}",
    ]
    return [*cells, number(row.ratio, 3)] if reference else cells
