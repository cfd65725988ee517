"""A benchmark as a Markdown table and as a plot."""

from __future__ import annotations

from collections.abc import Sequence

from host.bench.runtimes import OURS
from host.bench.schema import Bench, Row
from lprnet.svg import document, text

_HEADER = (
    "runtime", "precision", "threads", "ms (p50)", "p25–p75", "÷ ORT fp32", "× 1 thread", "accuracy", "bytes"
)  # fmt: skip
_LEFT = 2
_COLORS = {"fp32": "#4878a8", "int8": "#d1783c", "bf16": "#5f9e6e", "fp16": "#8d6cab"}
_WIDTH, _LABEL, _BAR, _VALUE = 860, 220, 22, 190


def markdown(bench: Bench) -> str:
    """The rows by number of threads, the fastest first; rows without a time at the end, with the reason."""
    ordered = _ordered(bench.rows)
    cells = [_cells(row) for row in ordered if row.p50_ms is not None]
    lines = [_line(_HEADER), _line(["---"] * _LEFT + ["---:"] * (len(_HEADER) - _LEFT)), *map(_line, cells)]
    lines += [""] * any(row.error for row in ordered)
    lines += [
        f"- {row.runtime} {row.precision}, {row.threads} thread{'s' * (row.threads > 1)}: {row.error}"
        for row in ordered
        if row.error
    ]
    return "\n".join(lines)


def svg(bench: Bench) -> str:
    """Horizontal bars of the median milliseconds with their quartiles, one group per number of threads."""
    timed = [row for row in _ordered(bench.rows) if row.p50_ms is not None]
    longest = max((row.p75_ms or 0.0 for row in timed), default=1.0)
    scale = (_WIDTH - _LABEL - _VALUE) / longest
    settings = bench.settings
    subtitle = (
        f"{bench.machine.cpu or bench.machine.arch}, batch 1, {settings.rounds} interleaved rounds of "
        f"{settings.inferences}, {settings.isa} instructions"
    )
    body = [text(12, 24, "Milliseconds per plate, median and quartiles", 16, weight="700")]
    body.append(text(12, 44, subtitle, 12, fill="#555"))
    y, threads = 60, 0
    for row in timed:
        if row.threads != threads:
            threads = row.threads
            y += 24
            body.append(text(12, y - 6, f"{threads} thread{'s' * (threads > 1)}", 13, weight="700"))
        body.append(_bar(row, y, scale))
        y += _BAR
    return document(_WIDTH, y + 12, body)


def _bar(row: Row, y: int, scale: float) -> str:
    assert row.p50_ms is not None and row.p25_ms is not None and row.p75_ms is not None
    middle, end = y + _BAR / 2, _LABEL + row.p50_ms * scale
    low, high = _LABEL + row.p25_ms * scale, _LABEL + row.p75_ms * scale
    ours = row.runtime == OURS
    value = f"{row.p50_ms:.2f} ms" + (f"  ({row.ratio:.2f} × ORT fp32)" if row.ratio is not None else "")
    name = f"{row.runtime} {row.precision}"
    return "\n".join(
        [
            text(_LABEL - 8, middle + 4, name, 12, anchor="end", weight="700" if ours else "400"),
            f'<rect x="{_LABEL}" y="{y + 3}" width="{row.p50_ms * scale:.1f}" height="{_BAR - 6}"'
            f' fill="{_COLORS.get(row.precision, "#888")}" fill-opacity="{1 if ours else 0.55}"/>',
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="#222"/>',
            text(max(end, high) + 8, middle + 4, value, 12),
        ]
    )


def _ordered(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.threads, row.p50_ms is None, row.p50_ms or 0.0))


def _cells(row: Row) -> list[str]:
    def number(value: float | None, digits: int) -> str:
        return "–" if value is None else f"{value:.{digits}f}"

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
        "–" if row.bytes is None else f"{row.bytes:,}",
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
