from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from device_runtime.errors import FatalError
from host.study import schema
from tests.host.study.table_of import RESULTS


def test_results_return_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / schema.FILE
    schema.FORMAT.write(path, RESULTS)
    assert schema.FORMAT.read(path) == RESULTS
    row = json.loads(path.read_text())["rows"][0]
    assert {"name", "weights", "bytes", "parameters", "macs", "p50_ms", "p99_ms", "accuracy"} <= row.keys()


@pytest.mark.parametrize("text", [None, "{", '{"rows": []}', '{"schema_version": 1, "rows": []}'])
def test_damaged_results_are_one_line(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / schema.FILE
    if text is not None:
        path.write_text(text)
    with pytest.raises(FatalError, match="run make results"):
        schema.FORMAT.read(path)


def test_results_of_another_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / schema.FILE
    schema.FORMAT.write(path, msgspec.structs.replace(RESULTS, schema_version=2))
    with pytest.raises(FatalError, match=r"schema_version is 2.*delete it"):
        schema.FORMAT.read(path)
