from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.kernels.shape import Tile
from host.lower.tuned import TUNING_RECORDS, Records, path_of, read_for
from host.targets.read import load_target
from tests.workloads import record


def test_written_and_read_back(tmp_path: Path) -> None:
    path = path_of("board", tmp_path / "tuned")
    records = Records("board").merge([record("b", Tile(4, 2, unroll=8, pixels_inner=False)), record("a")])
    TUNING_RECORDS.write(path, records)
    assert TUNING_RECORDS.read(path) == records
    assert [r.workload for r in records.records] == ["a", "b"]
    assert list(path.parent.iterdir()) == [path]


def test_merge_replaces_the_same_workload_only() -> None:
    records = Records("board").merge([record("a"), record("b")]).merge([record("b", metric=0.5)])
    assert [(r.workload, r.metric) for r in records.records] == [("a", 1.0), ("b", 0.5)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"target": "board", "records": [], "schema_version": 3}',
        '{"target": "board", "records": [], "schema_version": 2, "more": 1}',
        '{"target": "board", "records": [{"workload": "a"}], "schema_version": 2}',
    ],
)
def test_bad_files_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "board.json"
    path.write_text(text)
    with pytest.raises(FatalError, match=r"board\.json"):
        TUNING_RECORDS.read(path)


def test_records_of_the_targets_that_are_used_fill_the_gaps(tmp_path: Path) -> None:
    target = replace(load_target("native"), tuning_uses=("zen4", "x86-64-vnni"))
    assert read_for(target, tmp_path) == Records("native")
    for name, metric, found in (
        ("x86-64-vnni", 3.0, "abc"),
        ("zen4", 2.0, "bc"),
        ("native", 1.0, "c"),
    ):
        records = Records(name).merge([record(workload, metric=metric) for workload in found])
        TUNING_RECORDS.write(path_of(name, tmp_path), records)
    merged = read_for(target, tmp_path)
    assert merged.target == "native"
    assert [(r.workload, r.metric) for r in merged.records] == [("a", 3.0), ("b", 2.0), ("c", 1.0)]


def test_boards_use_the_records_of_their_instructions(tmp_path: Path) -> None:
    TUNING_RECORDS.write(path_of("rpi5", tmp_path), Records("rpi5").merge([record("a")]))
    for name in ("rpi5", "rk3588", "orin-nano"):
        records = read_for(load_target(name), tmp_path)
        assert (records.target, [r.workload for r in records.records]) == (name, ["a"])
    assert not read_for(load_target("rpi4"), tmp_path).records
    assert not read_for(load_target("visionfive2"), tmp_path).records


def test_boards_with_an_in_order_core_use_its_records_first(tmp_path: Path) -> None:
    TUNING_RECORDS.write(path_of("rpi4", tmp_path), Records("rpi4").merge([record("a"), record("b")]))
    TUNING_RECORDS.write(path_of("rpi3", tmp_path), Records("rpi3").merge([record("b", metric=0.5)]))
    for name, b in (("rpi3", 0.5), ("rpi-zero2w", 0.5), ("imx8mp", 0.5), ("jetson-nano", 1)):
        records = read_for(load_target(name), tmp_path).records
        assert [(r.workload, r.metric) for r in records] == [("a", 1), ("b", b)]


def test_committed_records_are_sound() -> None:
    folder = path_of("x").parent
    for path in folder.glob("*.json"):
        records = TUNING_RECORDS.read(path)
        assert records.target == path.stem
        assert all(0 < r.metric <= r.default for r in records.records)


def test_the_first_workload_that_has_a_record_counts() -> None:
    records = Records("board").merge([record("a", metric=1.0), record("b", metric=2.0)])
    found = [records.of(*keys) for keys in (("b", "a"), ("c", "a"), ("c", "d"))]
    assert [one.metric if one else None for one in found] == [2.0, 1.0, None]
