from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.bench.instructions import schema


def test_counts_return_as_they_were(tmp_path: Path) -> None:
    row = schema.InstructionRow(runtime="ncnn", precision="int8", cpu="cortex-a72", instructions=1)
    bench = schema.InstructionBench(
        created="2026-01-01T00:00:00+00:00",
        emulator="qemu",
        checkpoint="a",
        checkpoint_sha256="0",
        rows=(row,),
    )
    path = tmp_path / schema.FILE
    schema.FORMAT.write(path, bench)
    assert schema.FORMAT.read(path) == bench


def test_other_files_are_no_counts(tmp_path: Path) -> None:
    path = tmp_path / schema.FILE
    path.write_text('{"schema_version": 2}')
    with pytest.raises(FatalError, match="run lpr-host count"):
        schema.FORMAT.read(path)


def test_counts_of_a_pipeline_return_as_they_were(tmp_path: Path) -> None:
    row = schema.PipelineCount(part="find", cpu="cortex-a72", precision="int8", instructions=1, cycles=2)
    counts = schema.PipelineCounts(created="", emulator="qemu", width=1920, height=1080, rows=(row,))
    path = tmp_path / schema.PIPELINE_FILE
    schema.PIPELINE_FORMAT.write(path, counts)
    assert schema.PIPELINE_FORMAT.read(path) == counts
