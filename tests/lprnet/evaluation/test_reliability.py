from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from lprnet.evaluation.evaluate import Bin
from lprnet.evaluation.reliability import draw

PANELS = {"a<b": [Bin(0.25, 0.25, 3), Bin(0.75, 0.25, 9)], "京 $x$": []}


def _group(picture: ElementTree.Element, name: str) -> ElementTree.Element:
    (found,) = (e for e in picture.iter() if e.attrib.get("id") == name)
    return found


def test_reliability_plot() -> None:
    """Points lie where their bins say: a reader that knows its chances on the diagonal, others off it."""
    picture = ElementTree.fromstring(draw(PANELS))
    names = [e.text for e in picture.iter() if e.tag.endswith("text")]
    assert {"a<b", "京 $x$", "3", "9"} <= set(names)
    points = [e for e in _group(picture, "panel0-bins").iter() if e.tag.endswith("use")]
    low, high = ((float(e.attrib["x"]), float(e.attrib["y"])) for e in points)
    (line,) = (e for e in _group(picture, "panel0-diagonal").iter() if e.tag.endswith("path"))
    x0, y0, x1, y1 = map(float, re.findall(r"[\d.]+", line.attrib["d"]))
    assert low == pytest.approx((0.75 * x0 + 0.25 * x1, 0.75 * y0 + 0.25 * y1), abs=0.1)
    assert high == pytest.approx((0.25 * x0 + 0.75 * x1, low[1]), abs=0.1)
    assert not list(_group(picture, "panel1-bins"))


def test_the_same_bins_give_the_same_bytes() -> None:
    assert draw(PANELS) == draw(PANELS)
