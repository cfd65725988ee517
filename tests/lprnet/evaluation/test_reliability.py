from xml.etree import ElementTree

import pytest

from lprnet.evaluation.evaluate import Bin
from lprnet.evaluation.reliability import draw


def test_reliability_plot() -> None:
    """Points lie where their bins say: a reader that knows its chances on the diagonal, others off it."""
    picture = ElementTree.fromstring(draw({"a<b": [Bin(0.25, 0.25, 3), Bin(0.75, 0.25, 9)], "c": []}))
    names = [e.text for e in picture.iter() if e.tag.endswith("text")]
    assert {"a<b", "c", "3", "9"} <= set(names)
    low, high = ((float(e.attrib["cx"]), float(e.attrib["cy"])) for e in picture.iter() if "cx" in e.attrib)
    (diagonal,) = {
        tuple(float(e.attrib[k]) for k in ("x1", "y1", "x2", "y2"))
        for e in picture.iter()
        if e.attrib.get("stroke") == "#888" and float(e.attrib["x1"]) < low[0]
    }
    x0, y0, x1, y1 = diagonal
    assert low == pytest.approx((0.75 * x0 + 0.25 * x1, 0.75 * y0 + 0.25 * y1), abs=0.1)
    assert high == pytest.approx((0.25 * x0 + 0.75 * x1, low[1]), abs=0.1)
