from __future__ import annotations

from host.bench.instructions.schema import InstructionBench, InstructionRow, PipelineCount, PipelineCounts
from host.bench.instructions.table import markdown, pipeline_markdown


def bench(*rows: InstructionRow) -> InstructionBench:
    return InstructionBench(created="", emulator="", checkpoint="", checkpoint_sha256="", rows=rows)


def test_fewest_instructions_come_first_and_failures_last() -> None:
    slow = InstructionRow(runtime="slow", precision="int8", cpu="a", instructions=2_000_000)
    fast = InstructionRow(runtime="fast", precision="int8", cpu="a", instructions=1_000_000, cycles=1_500_000)
    failed = InstructionRow(runtime="broken", precision="int8", cpu="a", error="not installed: broken")
    assert markdown(bench(failed, slow, fast)).splitlines() == [
        "| runtime | precision | CPU | M instructions | M cycles, estimated |",
        "| --- | --- | --- | ---: | ---: |",
        "| fast | int8 | a | 1.0 | 1.5 |",
        "| slow | int8 | a | 2.0 |  |",
        "",
        "- broken int8 on a: not installed: broken",
    ]


def test_a_pipeline_has_a_line_for_each_part_and_columns_for_each_core() -> None:
    rows = [
        PipelineCount(part=part, cpu=cpu, precision="int8", instructions=count, cycles=cycles)
        for cpu, cycles in (("a", 2_000_000), ("b", None))
        for part, count in (("find", 1_000_000), ("sum", 1_500_000))
    ]
    bench = PipelineCounts(created="", emulator="", width=8, height=8, rows=tuple(rows))
    assert pipeline_markdown(bench).splitlines() == [
        "| part | a, M instructions | a, M cycles, estimated | b, M instructions | b, M cycles, estimated |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| find | 1.0 | 2.0 | 1.0 |  |",
        "| sum | 1.5 | 2.0 | 1.5 |  |",
    ]
