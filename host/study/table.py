"""The table as Markdown, with the headline figures."""

from __future__ import annotations

from collections.abc import Sequence

from host.bench.markdown import integer, markdown_table, number
from host.study.schema import EAGER, UNTUNED, Results, StudyRow


def markdown(results: Results) -> str:
    """One table for each set of weights, and under it what was gained and what one should know."""
    names = list(dict.fromkeys(row.weights for row in results.rows))
    machine = results.machine.cpu or results.machine.arch
    lines = [
        f"Target {results.target} on {machine}, one thread, batch 1, {results.rounds} interleaved rounds of "
        f"{results.inferences}; load average before: {results.load_average:.2f}.",
    ]
    for name in names:
        rows = [row for row in results.rows if row.weights == name]
        lines += ["", f"**{name}**", "", *_table(rows, list(results.datasets)), *_remarks(rows), ""]
        lines += _headlines(rows)
    return "\n".join(lines).rstrip() + "\n"


def _table(rows: Sequence[StudyRow], datasets: Sequence[str]) -> list[str]:
    headings = ["", "bytes", "parameters", "MACs", "p50 ms", "p99 ms", "÷ PyTorch", *datasets]
    cells = [
        [
            row.name,
            integer(row.bytes),
            integer(row.parameters),
            "–" if row.macs is None else f"{row.macs / 1e6:.1f} M",
            number(row.p50_ms, 3),
            number(row.p99_ms, 3),
            number(row.eager, 4),
            *(number(row.accuracy.get(name), 3) for name in datasets),
        ]
        for row in rows
    ]
    return markdown_table(headings, cells)


def _remarks(rows: Sequence[StudyRow]) -> list[str]:
    lines = [f"- {row.name}: {row.error or row.note}" for row in rows if row.error or row.note]
    return ["", *lines] if lines else []


def _headlines(rows: Sequence[StudyRow]) -> list[str]:
    """Each last row against the first: size, time, accuracy."""
    whole = next((row for row in rows if row.name == EAGER), None)
    together = [row for row in rows if row.name.startswith("everything together")]
    lines = []
    for row in together:
        parts = []
        if whole and whole.bytes and row.bytes:
            parts.append(f"size {_change(row.bytes / whole.bytes)}")
        if row.eager is not None:
            parts.append(f"time against PyTorch eager {_change(row.eager)}")
        if row.untuned is not None:
            parts.append(f"time against {UNTUNED} {_change(row.untuned)}")
        if whole:
            for name, share in row.accuracy.items():
                if name in whole.accuracy:
                    parts.append(f"{name} {100 * (share - whole.accuracy[name]):+.2f} points")
        if parts:
            lines.append(f"- {row.name}: {', '.join(parts)}")
    return lines


def _change(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.2f} %".replace("-", "−")
