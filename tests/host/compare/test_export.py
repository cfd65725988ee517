from __future__ import annotations

import csv
import sys
from pathlib import Path

import msgspec
import pytest

from device_runtime.errors import FatalError
from host.compare.compare import Comparison, compare
from host.compare.export import COLUMNS, check_export, export
from tests.host.compare.sides import side


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(side("old", 5.0, 3), side("newer", 5.5, 3, plates="+-"), 0.05, paired=True)


def test_csv_has_a_row_for_each_metric(comparison: Comparison, tmp_path: Path) -> None:
    export(comparison, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS) and len(rows) == len(comparison.rows)
    first = comparison.rows[0]
    assert (rows[0]["of"], rows[0]["to"], rows[0]["metric"]) == ("newer", "old", first.metric)
    assert float(rows[0]["change"]) == first.change


def test_no_name_is_a_formula_in_a_spreadsheet(comparison: Comparison, tmp_path: Path) -> None:
    named = msgspec.structs.replace(comparison, a='=HYPERLINK("http://x")', b="@SUM(A1)")
    export(named, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["of"], row["to"]) for row in rows} == {("'@SUM(A1)", '\'=HYPERLINK("http://x")')}
    # Numbers stay numbers.
    assert float(rows[0]["low"]) == comparison.rows[0].low


def test_json_is_all_of_it(comparison: Comparison, tmp_path: Path) -> None:
    export(comparison, tmp_path / "out.json")
    assert msgspec.json.decode((tmp_path / "out.json").read_bytes(), type=Comparison) == comparison


def test_parquet_keeps_types_and_what_is_missing(comparison: Comparison, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    export(comparison, tmp_path / "out.parquet")
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["metric"] for row in rows] == [row.metric for row in comparison.rows]
    assert [row["low"] for row in rows] == [row.low for row in comparison.rows]
    assert isinstance(rows[0]["n"], int)


def test_another_kind_and_a_missing_package_are_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FatalError, match="is no kind of file"):
        check_export(tmp_path / "out.xls")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FatalError, match="needs pyarrow"):
        check_export(tmp_path / "out.parquet")
    check_export(tmp_path / "out.csv")
