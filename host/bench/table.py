"""A benchmark as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence

from host.bench.markdown import integer, markdown_table, number
from host.bench.runtimes import OURS
from host.bench.schema import Bench, BenchRow

_HEADINGS = (
    "runtime", "precision", "threads", "ms (p50)", "p25–p75", "÷ ORT fp32", "× 1 thread", "accuracy", "bytes"
)  # fmt: skip


def markdown(bench: Bench) -> str:
    """The rows by number of threads, the fastest first; rows without a time at the end, with the reason."""
    rows = ordered(bench.rows)
    lines = markdown_table(_HEADINGS, [_cells(row) for row in rows if row.p50_ms is not None], left=2)
    lines += [""] * any(row.error for row in rows)
    lines += [f"- {row.name}: {row.error}" for row in rows if row.error]
    return "\n".join(lines)


def ordered(rows: Sequence[BenchRow]) -> list[BenchRow]:
    """By number of threads, the fastest first, those without a time last."""
    return sorted(rows, key=lambda row: (row.threads, row.p50_ms is None, row.p50_ms or 0.0))


def _cells(row: BenchRow) -> list[str]:
    name = f"{row.runtime} {row.version}" if row.version else row.runtime
    return [
        f"**{name}**" if row.runtime == OURS else name,
        row.precision,
        str(row.threads),
        number(row.p50_ms, 3),
        f"{number(row.p25_ms, 3)}–{number(row.p75_ms, 3)}",
        number(row.ratio, 3),
        number(row.speedup, 2),
        number(row.accuracy, 4),
        integer(row.bytes),
    ]
