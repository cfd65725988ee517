from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.board.describe import Board
from device_runtime.errors import FatalError
from host.bench import schema

BENCH = schema.Bench(
    created="2026-01-01T00:00:00+00:00",
    machine=Board(cpu="Some CPU"),
    settings=schema.Settings(
        checkpoint="weights.pth",
        checkpoint_sha256="0" * 64,
        isa="native",
        target="native",
        rounds=1,
        inferences=1,
        warmup=1,
        cpus={"1": (1,)},
        data=(),
        calibration=schema.DataSet("samples", 60),
        load_average=0.1,
    ),
    versions={"torch": "2.13.0"},
    rows=(schema.BenchRow(runtime="torch", precision="fp32", threads=2, error="not measured"),),
)


def test_a_benchmark_returns_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / schema.FILE
    schema.FORMAT.write(path, BENCH)
    assert schema.FORMAT.read(path) == BENCH
    assert BENCH.rows[0].name == "torch fp32, 2 threads"
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "is not a benchmark"),
        (b"[]", "is not a benchmark"),
        (b'{"schema_version": 1}', "missing required field"),
        (b'{"schema_version": 2}', "schema_version is 2"),
    ],
    ids=["truncated", "list", "incomplete", "newer"],
)
def test_other_files_are_no_benchmarks(text: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / schema.FILE
    path.write_bytes(text)
    with pytest.raises(FatalError, match=message):
        schema.FORMAT.read(path)
