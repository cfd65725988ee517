"""Counts as a Markdown table."""

from __future__ import annotations

from host.bench.instructions.schema import InstructionBench, PipelineCounts
from host.bench.markdown import markdown_table

_HEADINGS = ("runtime", "precision", "CPU", "M instructions", "M cycles, estimated")


def markdown(bench: InstructionBench) -> str:
    """The rows, fewest instructions first for every CPU and precision; those without a count at the end."""
    counted = sorted(
        (row.cpu, row.precision, row.instructions, row.runtime, row.cycles)
        for row in bench.rows
        if row.instructions is not None
    )
    cells = [
        (runtime, precision, cpu, f"{count / 1e6:.1f}", "" if cycles is None else f"{cycles / 1e6:.1f}")
        for cpu, precision, count, runtime, cycles in counted
    ]
    failed = [row for row in bench.rows if row.instructions is None]
    lines = markdown_table(_HEADINGS, cells, left=3)
    lines += [""] * bool(failed)
    lines += [f"- {row.runtime} {row.precision} on {row.cpu}: {row.error}" for row in failed]
    return "\n".join(lines)


def pipeline_markdown(bench: PipelineCounts) -> str:
    """A row for each part, a column for each CPU: millions of instructions, and of estimated cycles."""
    cpus = list(dict.fromkeys(row.cpu for row in bench.rows))
    headings = ["part"] + [
        f"{cpu}, {what}" for cpu in cpus for what in ("M instructions", "M cycles, estimated")
    ]
    by_part: dict[str, list[str]] = {}
    for row in bench.rows:
        cells = by_part.setdefault(row.part, [row.part])
        cells += [f"{row.instructions / 1e6:.1f}", "" if row.cycles is None else f"{row.cycles / 1e6:.1f}"]
    return "\n".join(markdown_table(headings, by_part.values(), left=1))
