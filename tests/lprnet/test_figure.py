from __future__ import annotations

from xml.etree import ElementTree

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lprnet.figure import PALETTE, Label, label_points, style, svg


def drawn() -> Figure:
    with style():
        figure = Figure(figsize=(4, 3))
        axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        axes.plot([0.0, 1.0], [1.0, 0.0], "o--")
        axes.set_title("é <A> & 'B'")
    return figure


def test_the_same_figure_gives_the_same_bytes_whenever_it_is_drawn() -> None:
    assert svg(drawn()) == svg(drawn())
    assert b"<dc:date>" not in svg(drawn())


def test_text_stays_text_on_white() -> None:
    picture = ElementTree.fromstring(svg(drawn()))
    assert "é <A> & 'B'" in [element.text for element in picture.iter() if element.tag.endswith("text")]
    assert b"fill: #ffffff" in svg(drawn())


def test_labels_cover_neither_points_nor_each_other() -> None:
    with style():
        figure = Figure(figsize=(6, 3))
        axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        axes.set_xlim(0, 10)
        axes.set_ylim(0, 1)
        points = [(5.0, 0.5), (5.05, 0.5), (5.1, 0.52), (5.0, 0.0), (0.0, 0.0), (10.0, 1.0)]
        labels = label_points(axes, [Label(point, "a label", PALETTE[0]) for point in points])
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [label.get_window_extent(renderer) for label in labels]
    inside = axes.get_window_extent(renderer)
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:index])
        assert not any(box.contains(*axes.transData.transform(point)) for point in points)
        assert inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0
