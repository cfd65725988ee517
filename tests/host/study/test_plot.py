from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from host.study import plot
from host.study.schema import EAGER, Results
from host.study.variants import variants
from lprnet.figure import svg
from tests.host.study.table_of import RESULTS, table_of, timed


def labels_of(axes: Axes) -> list[Annotation]:
    return [child for child in axes.get_children() if isinstance(child, Annotation)]


def box_of(text: Text) -> Bbox:
    figure = text.figure
    assert figure is not None
    return text.get_window_extent(FigureCanvasAgg(figure.figure).get_renderer())


def points_of(axes: Axes) -> list[tuple[float, float]]:
    """Time and accuracy of every row, as drawn."""
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))  # type: ignore[index,arg-type]
        for line in axes.get_lines()
        if line.get_marker() != "None"
    ]


def test_front_has_no_beaten_row() -> None:
    rows = [timed("slow", 9, 0.9), timed("beaten", 8, 0.7), timed("fast", 1, 0.8), timed("equal", 2, 0.8)]
    assert [row.name for row in plot.front(rows, "a")] == ["fast", "slow"]


@pytest.mark.parametrize(
    "results", [RESULTS, table_of(), table_of(timed(EAGER, 1.0, 1.0))], ids=["all", "none", "perfect"]
)
def test_plots_are_whole_files_on_white(results: Results) -> None:
    for figure in (plot.scatter(results, "a"), plot.bars(results)):
        ElementTree.fromstring(svg(figure))
        assert figure.get_facecolor() == (1.0, 1.0, 1.0, 1.0)


def test_rows_without_an_accuracy_on_the_data_set_are_left_out() -> None:
    shipped, public = plot.scatter(RESULTS, "b").axes
    assert points_of(shipped) == [(10.0, 0.8), (0.2, 0.795)]
    assert [text.get_text() for text in shipped.texts if not isinstance(text, Annotation)] == [
        *("1", EAGER),
        *("2", "everything together (tiny)"),
    ]
    assert points_of(public) == [(9.0, 0.5)]


def test_labels_of_points_that_touch_are_apart_and_off_the_axis() -> None:
    unread = [timed(f"lost {i}", ms, 0.0) for i, ms in enumerate((7.0, 7.4, 8.0))]
    (axes,) = plot.scatter(table_of(timed("best", 1.0, 0.96), *unread), "a").axes
    labels = labels_of(axes)
    assert [label.get_text() for label in labels] == ["1", "2 (0.00)", "3 (0.00)", "4 (0.00)"]
    boxes = [box_of(label) for label in labels]
    for index, box in enumerate(boxes):
        assert box.y0 >= axes.get_window_extent().y0
        assert not any(box.overlaps(other) for other in boxes[:index])
        assert not any(box.contains(*axes.transData.transform(point)) for point in points_of(axes))


def test_rows_far_below_are_drawn_below_the_scale_with_their_accuracy() -> None:
    rows = [timed("best", 1.0, 0.96), timed("near", 2.0, 0.93), timed("lost", 4.0, 0.31)]
    (axes,) = plot.scatter(table_of(*rows), "a").axes
    best, near, lost = (share for _, share in points_of(axes))
    assert (best, near) == (0.96, 0.93) and axes.get_ylim()[0] < lost < 0.93
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["0.93", "0.94", "0.95", "0.96"]
    assert labels_of(axes)[2].get_text() == "3 (0.31)"


def test_every_row_of_the_study_is_in_the_legend_and_inside_the_picture() -> None:
    names = [variant.name for variant in variants(dict.fromkeys(("", "light", "tiny"), Path()))]
    rows = [
        timed(name, 1.0 + i, 0.9 - i / 100, weights)
        for weights in ("shipped", "public")
        for i, name in enumerate(names)
    ]
    figure = plot.scatter(table_of(*rows), "a")
    for axes in figure.axes:
        entries = [text for text in axes.texts if text.get_text() in names]
        assert len(entries) == len(names)
        for entry in entries:
            box = box_of(entry)
            assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1


def test_bars_are_labelled_with_kilobytes_and_inside_the_picture() -> None:
    figure = plot.bars(RESULTS)
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [2.0, 1.9, 0.2]  # type: ignore[attr-defined]
    assert [label.get_text() for label in labels_of(axes)] == ["2", "2", "0"]
    for text in (*axes.texts, *axes.get_yticklabels()):
        assert figure.bbox.x0 <= box_of(text).x0 and box_of(text).x1 <= figure.bbox.x1
