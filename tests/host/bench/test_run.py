from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from host.bench import plot, schema, table
from host.bench.measure import Pace
from host.bench.run import BenchRequest, run
from host.bench.runtimes import OURS, RUNTIMES, Runtime


def request(weights: Path, images: Path, cache: Path, **changes: object) -> BenchRequest:
    values: dict[str, object] = {
        "peers": (),
        "precisions": ("fp32",),
        "threads": (1,),
        "weights": weights,
        "bundles": (),
        "target": "native",
        "isa": "native",
        "data": (images,),
        "calibration": images,
        "pace": Pace(rounds=3, inferences=2, warmup=1, settle_s=0),
        "python": Path(sys.executable),
        "cache": cache,
    }
    return BenchRequest(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result(
    weights: Path, images: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> schema.Bench:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("bench")
    absent = Runtime(module="absent", distributions={"fp32": ("no-such-distribution",)})
    broken = Runtime(module="host.no_such_module", distributions={"fp32": ("numpy",)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RUNTIMES, "absent", absent)
        patch.setitem(RUNTIMES, "broken", broken)
        peers = ("onnxruntime", "torch", "absent", "broken")
        return run(request(weights, images, folder, peers=peers, bundles=(bundle,)))


def test_every_runtime_is_a_row(result: schema.Bench) -> None:
    rows = {row.runtime: row for row in result.rows}
    assert set(rows) == {OURS, "onnxruntime", "torch", "absent", "broken"}
    for name in (OURS, "onnxruntime", "torch"):
        row = rows[name]
        assert row.error is None and row.threads == 1 and row.precision == "fp32"
        assert row.p25_ms is not None and row.p50_ms is not None and row.p75_ms is not None
        assert 0.0 < row.p25_ms <= row.p50_ms <= row.p75_ms
        assert row.bytes is not None and row.bytes > 1_500_000
        assert row.accuracy == rows["torch"].accuracy
    assert rows["onnxruntime"].ratio == 1
    ratio = rows[OURS].ratio
    assert ratio is not None and ratio > 0


def test_what_cannot_run_is_a_row_with_the_reason(result: schema.Bench) -> None:
    rows = {row.runtime: row for row in result.rows}
    assert rows["absent"].p50_ms is None
    assert rows["absent"].error == "not installed: no-such-distribution (pip install '.[peers-all]')"
    assert "ModuleNotFoundError" in (rows["broken"].error or "")


def test_bench_json_has_what_it_promises(result: schema.Bench, tmp_path: Path) -> None:
    path = tmp_path / schema.FILE
    schema.FORMAT.write(path, result)
    assert schema.FORMAT.read(path) == result
    data = json.loads(path.read_text())
    assert data["machine"]["arch"] and data["versions"]["onnxruntime"]
    keys = {"runtime", "precision", "threads", "p50_ms", "ratio", "accuracy", "bytes"}
    assert all(keys <= row.keys() for row in data["rows"])


def test_table_and_plot_show_every_row(result: schema.Bench) -> None:
    text, picture = table.markdown(result), plot.bars(result)
    shown = " ".join(label.get_text() for axes in picture.axes for label in axes.get_yticklabels())
    for row in result.rows:
        assert row.runtime in text
        assert (row.runtime in shown) == (row.p50_ms is not None)
        assert row.error is None or row.error in text
