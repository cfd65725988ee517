"""Counts as a Markdown table."""

from __future__ import annotations

from host.bench.instructions.schema import InstructionBench
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
