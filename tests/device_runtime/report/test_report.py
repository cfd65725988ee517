from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from device_runtime.errors import FatalError
from device_runtime.report.report import REPORT, Report
from device_runtime.schema import encode


def test_round_trip(finished: Report, tmp_path: Path) -> None:
    REPORT.write(tmp_path / "new" / "r.json", finished)
    assert REPORT.read(tmp_path / "new" / "r.json") == finished
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["r.json"]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"report_version": 2}', b"\xff", b"[" * 100_000])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "r.json").write_bytes(data)
    with pytest.raises(FatalError, match=r"r\.json: is not a report"):
        REPORT.read(tmp_path / "r.json")
    with pytest.raises(FatalError, match="cannot be read"):
        REPORT.read(tmp_path / "none.json")


def test_a_wrong_key_is_named(finished: Report) -> None:
    raw = json.loads(encode(finished))
    raw["board"]["cores"] = "four"
    with pytest.raises(FatalError, match=r"r\.json: board\.cores: .*, value 'four'"):
        REPORT.decode(json.dumps(raw).encode(), "r.json")


def records(value: Any) -> list[dict[str, Any]]:
    """*value* if it is an object with keys of a schema, and all such objects within."""
    if not isinstance(value, dict):
        return []
    inner = [record for item in value.values() for record in records(item)]
    # The keys of `stages` are names of stages.
    return inner if all(isinstance(item, dict) for item in value.values()) else [value, *inner]


def test_a_report_of_a_later_board_is_read(finished: Report) -> None:
    raw = json.loads(encode(finished))
    raw["report_minor"] = 7
    for record in records(raw):
        record["surprise"] = {"unknown": [1, 2]}
    assert raw["stages"]["total"]["surprise"] and raw["accuracy"]["surprise"] and raw["board"]["surprise"]
    read = REPORT.decode(json.dumps(raw).encode(), "r.json")
    assert read.report_minor == 7
    assert msgspec.structs.replace(read, report_minor=finished.report_minor) == finished


def test_a_report_of_an_earlier_board_is_read(finished: Report) -> None:
    raw = json.loads(encode(finished))
    del raw["report_minor"]
    assert REPORT.decode(json.dumps(raw).encode(), "r.json") == finished
