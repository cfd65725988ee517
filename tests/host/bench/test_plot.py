from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import msgspec
from matplotlib.backends.backend_agg import FigureCanvasAgg

from host.bench import plot
from host.bench.runtimes import OURS
from host.bench.schema import Bench, BenchRow
from lprnet.figure import svg
from tests.host.bench.test_schema import BENCH


def timed(runtime: str, ms: float, threads: int = 1, ratio: float | None = None) -> BenchRow:
    return BenchRow(
        runtime=runtime,
        precision="int8",
        threads=threads,
        p25_ms=ms * 0.9,
        p50_ms=ms,
        p75_ms=ms * 1.2,
        ratio=ratio,
    )


def bench(*rows: BenchRow) -> Bench:
    return msgspec.structs.replace(BENCH, rows=rows)


def test_rows_come_in_groups_of_threads_the_fastest_first() -> None:
    rows = (timed("slow", 9.0), timed(OURS, 1.0, 2), timed(OURS, 2.0, 1, 0.5))
    failed = BenchRow(runtime="absent", precision="fp32", threads=1, error="not installed")
    (axes,) = plot.bars(bench(*rows, failed)).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        f"{OURS} int8",
        "slow int8",
        f"{OURS} int8",
    ]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["2.00 ms  (0.50 × ORT fp32)", "9.00 ms", "1.00 ms", "1 thread", "2 threads"]


def test_all_text_is_inside_the_picture() -> None:
    figure = plot.bars(bench(timed("onnxruntime", 100.0, 1, 12.34), timed(OURS, 1.0, 16, 0.01)))
    renderer = FigureCanvasAgg(figure).get_renderer()
    (axes,) = figure.axes
    for text in (*axes.texts, *axes.get_yticklabels(), *figure.texts):
        box = text.get_window_extent(renderer)
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1


def test_a_benchmark_of_failures_is_drawn_too(tmp_path: Path) -> None:
    ElementTree.fromstring(svg(plot.bars(BENCH)))
