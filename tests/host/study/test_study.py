from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from device_runtime.board.describe import Board
from device_runtime.errors import FatalError
from host.bench.measure import Pace
from host.bench.runtimes import torch_int8_peer as torch_int8
from host.cli import main
from host.network.integer import run as run_quantized
from host.network.simplify import simplify
from host.paths import SAMPLES
from host.quantize import quantize
from host.quantize.calibration import read_samples
from host.study import plot, schema, table
from host.study.run import Request, Weights, run
from host.study.schema import EAGER, UNTUNED, Results, Row
from host.study.untrained import prune_untrained
from host.study.variants import ways
from host.targets.read import load_target
from lprnet.network.alphabet import PUBLIC
from lprnet.network.checkpoint import load_checkpoint
from lprnet.weights import DEFAULT
from tests.checkpoints import random_checkpoint


def _row(name: str, weights: str = "shipped", **values: object) -> Row:
    return Row(name=name, weights=weights, **values)  # type: ignore[arg-type]


RESULTS = Results(
    created="2026-01-01T00:00:00+00:00",
    machine=Board(cpu="Some CPU"),
    target="native",
    rounds=3,
    inferences=5,
    load_average=0.1,
    datasets={"a": 10, "b": 20},
    timed="x",
    rows=(
        _row(
            EAGER, bytes=2000, parameters=500, macs=10**8, p50_ms=10.0, p99_ms=11.0, eager=1.0, untuned=0.1,
            accuracy={"a": 0.9, "b": 0.8},
        ),
        _row(UNTUNED, bytes=1900, p50_ms=100.0, p99_ms=101.0, eager=10.0, untuned=1.0, accuracy={"a": 0.9}),
        _row("TVM, MetaSchedule's generic search", error="cannot <measure>"),
        _row(
            "everything together (tiny)", bytes=200, p50_ms=0.2, p99_ms=0.3, eager=0.02, untuned=0.002,
            accuracy={"a": 0.95, "b": 0.795}, note="a note",
        ),
        _row(EAGER, "public", p50_ms=9.0, accuracy={"a": 0.5, "b": 0.5}),
    ),
)  # fmt: skip


def test_results_return_as_they_were(tmp_path: Path) -> None:
    path = schema.write(tmp_path, RESULTS)
    assert schema.read(path) == RESULTS
    row = json.loads(path.read_text())["rows"][0]
    assert {"name", "weights", "bytes", "parameters", "macs", "p50_ms", "p99_ms", "accuracy"} <= row.keys()


@pytest.mark.parametrize("text", [None, "{", '{"rows": []}'])
def test_damaged_results(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "results.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FatalError, match="run make results"):
        schema.read(path)


def test_results_of_another_version(tmp_path: Path) -> None:
    path = schema.write(tmp_path, msgspec.structs.replace(RESULTS, schema_version=2))
    with pytest.raises(FatalError, match="schema version 2"):
        schema.read(path)


def test_markdown() -> None:
    text = table.markdown(RESULTS)
    shipped, public = text.split("**public**")
    assert "| PyTorch | 2,000 | 500 | 100.0 M | 10.000 | 11.000 | 1.0000 | 0.900 | 0.800 |" in shipped
    assert "- TVM, MetaSchedule's generic search: cannot <measure>" in shipped
    assert "- everything together (tiny): a note" in shipped
    assert "size −90.00 %, time against PyTorch eager −98.00 %" in shipped
    assert f"time against {UNTUNED} −99.80 %, a +5.00 points, b -0.50 points" in shipped
    assert "| PyTorch | – | – | – | 9.000 | – | – | 0.500 | 0.500 |" in public


def test_front_has_no_beaten_row() -> None:
    rows = [
        _row(name, p50_ms=ms, accuracy={"a": share})
        for name, ms, share in (("slow", 9, 0.9), ("beaten", 8, 0.7), ("fast", 1, 0.8), ("equal", 2, 0.8))
    ]
    assert [row.name for row in plot.front(rows, "a")] == ["fast", "slow"]


def test_plots_are_whole() -> None:
    for picture in (plot.scatter(RESULTS, "a"), plot.bars(RESULTS)):
        ElementTree.fromstring(picture)
    names = [
        e.text for e in ElementTree.fromstring(plot.scatter(RESULTS, "b")).iter() if e.tag.endswith("title")
    ]
    assert len(names) == 3 and names[1] == "everything together (tiny): 0.200 ms, 0.795"
    perfect = (_row(EAGER, p50_ms=1.0, accuracy={"a": 1.0}),)
    for rows in ((), perfect):
        others = msgspec.structs.replace(RESULTS, rows=rows)
        for picture in (plot.scatter(others, "a"), plot.bars(others)):
            ElementTree.fromstring(picture)


def test_labels_of_points_that_touch_are_apart_and_off_the_axis() -> None:
    """A label's width is that of its characters, at least half its size each."""
    unread = [_row(f"lost {i}", p50_ms=ms, accuracy={"a": 0.0}) for i, ms in enumerate((7.0, 7.4, 8.0))]
    rows = (_row("best", p50_ms=1.0, accuracy={"a": 0.96}), *unread)
    picture = ElementTree.fromstring(plot.scatter(msgspec.structs.replace(RESULTS, rows=rows), "a"))
    edge = max(float(e.get("cy", "")) for e in picture.iter() if e.tag.endswith("circle"))
    labels = [e for e in picture.iter() if (e.text or "").endswith("(0.00)")]
    assert len(labels) == 3
    places = [(float(e.get("x", "")), float(e.get("y", "")), e.text or "") for e in labels]
    for i, (x, y, text) in enumerate(places):
        assert y <= edge
        for u, v, _ in places[:i]:
            assert abs(x - u) > len(text) * 10.5 / 2 or abs(y - v) > 10


def test_rows_far_below_are_drawn_at_the_edge_with_their_accuracy() -> None:
    rows = [
        _row(name, p50_ms=ms, accuracy={"a": share})
        for name, ms, share in (("best", 1.0, 0.96), ("near", 2.0, 0.93), ("lost", 4.0, 0.31))
    ]
    picture = ElementTree.fromstring(plot.scatter(msgspec.structs.replace(RESULTS, rows=tuple(rows)), "a"))
    heights = [float(e.get("cy", "")) for e in picture.iter() if e.tag.endswith("circle")]
    texts = [e.text for e in picture.iter() if e.tag.endswith("text")]
    assert heights[0] < heights[1] == heights[2]
    assert "3 (0.31)" in texts and "0.93" in texts and "0.31" not in texts


def test_legends_of_all_weights_are_inside_the_picture() -> None:
    names = [way.name for way in ways({"": DEFAULT, "light": DEFAULT, "tiny": DEFAULT})]
    rows = tuple(
        _row(name, weights, p50_ms=1.0 + i, accuracy={"a": 0.9 - i / 100})
        for weights in ("shipped", "public")
        for i, name in enumerate(names)
    )
    picture = ElementTree.fromstring(plot.scatter(msgspec.structs.replace(RESULTS, rows=rows), "a"))
    height = float(picture.get("viewBox", "").split()[3])
    lines = [e for e in picture.iter() if e.tag.endswith("text")]
    assert sum(bool(e.text and e.text.endswith(names[-1])) for e in lines) == 2
    assert all(0 < float(e.get("y", "")) < height for e in lines)


def test_every_row_of_the_study_is_there() -> None:
    names = [way.name for way in ways({"": DEFAULT, "light": DEFAULT, "tiny": DEFAULT})]
    assert len(names) == len(set(names)) == 14
    baselines = [way.schedule for way in ways({"": DEFAULT}) if way.kind == "baseline"]
    assert baselines == ["default", "graph", "metaschedule"]


def test_torch_computes_the_same_integers(tmp_path: Path) -> None:
    samples = read_samples(SAMPLES, 16)
    quantized = quantize(simplify(load_checkpoint(DEFAULT)), samples)
    assert torch_int8.save(quantized, tmp_path) < 700_000
    session = torch_int8.load(tmp_path, "int8", 1)
    largest = []
    for sample in samples[:4]:
        expected = run_quantized(quantized, torch.from_numpy(sample[None])).numpy()
        actual = session(sample[None])
        np.testing.assert_array_equal(actual.argmax(1), expected.argmax(1))
        largest.append(np.abs(actual - expected).max())
    # Torch multiplies its scales in another order, so that a sum near a half may round the other way.
    assert min(largest) < 1e-3 and max(largest) < 0.5


def test_a_network_is_pruned_where_none_is_shipped() -> None:
    checkpoint = random_checkpoint(PUBLIC)
    small = simplify(prune_untrained(checkpoint))
    assert small.macs <= 0.7 * simplify(checkpoint).macs


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    folder = tmp_path / "plates"
    folder.mkdir()
    for path in sorted(SAMPLES.glob("*.png"))[:6]:
        shutil.copy(path, folder)
    return folder


def _request(folder: Path, plates: Path, *only: str) -> Request:
    weights = (Weights("shipped", DEFAULT, {"light": DEFAULT}),)
    pace = Pace(2, 2)
    return Request(weights, load_target("native"), (plates, SAMPLES), plates, 0, pace, only, folder)


def test_rows_are_measured_once(tmp_path: Path, plates: Path) -> None:
    lines: list[str] = []
    request = _request(tmp_path / "out", plates, "PyTorch, pruned (unstructured)", "PyTorch, quantized")
    request.folder.mkdir()
    first = run(request, lines.append)
    schema.write(request.folder, first)
    assert [row.name for row in first.rows] == ["PyTorch, pruned (unstructured)", "PyTorch, quantized"]
    for row in first.rows:
        assert row.error is None and row.p50_ms and row.p99_ms and row.p99_ms >= row.p50_ms
        assert row.accuracy.keys() == {"plates", SAMPLES.name} == first.datasets.keys()
    sparse, integers = first.rows
    assert sparse.bytes < DEFAULT.stat().st_size and "70% of the weights zero" in sparse.note
    assert integers.accuracy[SAMPLES.name] > 0.8
    assert run(request, lines.append) == first
    assert lines[-1].startswith("nothing has changed")


@pytest.mark.slow
def test_command_makes_everything_together(tmp_path: Path, plates: Path) -> None:
    arguments = ["results", "--only", "everything together", "--only", UNTUNED, "--only", "graph-level"]
    arguments += [
        "--rounds",
        "1",
        "--inferences",
        "2",
        "--data",
        str(plates),
        "--output",
        str(tmp_path / "out"),
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    rows = {row.name: row for row in schema.read(tmp_path / "out" / "results.json").rows}
    assert not any(row.error for row in rows.values())
    together = next(row for name, row in rows.items() if name.startswith("everything together"))
    assert together.untuned is not None and together.untuned < 1
    assert rows["TVM, graph-level transformation"].macs < rows[UNTUNED].macs
    assert {p.name for p in (tmp_path / "out").glob("*.svg")} == {"size.svg", "plates.svg"}


def test_target_that_does_not_run_here(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["results", "--target", "visionfive2", "--output", str(tmp_path / "x")])
    assert result.exit_code == 2 and "does not run its code" in result.output
