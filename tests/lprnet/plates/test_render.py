from __future__ import annotations

import numpy as np
import pytest

from lprnet.plates import render, stream
from lprnet.plates.kinds import KINDS, MIXES


def test_same_arguments_give_the_same_crop() -> None:
    for index in range(20):
        a, b = render(5, index), render(5, index)
        assert (a.text, a.kind) == (b.text, b.kind)
        assert np.array_equal(a.image, b.image)
    assert not np.array_equal(render(5, 0).image, render(5, 1).image)
    assert not np.array_equal(render(5, 0).image, render(6, 0).image)


def test_order_does_not_matter() -> None:
    forward = [crop.image for crop, _ in zip(stream(9, 2), range(3), strict=False)]
    backward = [render(9, i).image for i in (4, 3, 2)]
    assert all(np.array_equal(a, b) for a, b in zip(forward, backward[::-1], strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 1.5])
def test_crop_format(kind: str, strength: float) -> None:
    for index in range(8):
        crop = render(11, index, strength, kind)
        assert crop.image.shape == (24, 94, 3)
        assert crop.image.dtype == np.uint8
        # A kind that is named like its country is drawn as one of that country's.
        assert crop.kind in MIXES.get(kind, {kind})


def test_chosen_text_is_drawn() -> None:
    assert render(1, 1, text="京A12345", kind="blue").text == "京A12345"
    with pytest.raises(ValueError):
        render(1, 1, text="京A1234", kind="blue")
    with pytest.raises(KeyError):
        render(1, 1, text="京A1234é", kind="blue")
    with pytest.raises(KeyError):
        render(1, 1, kind="purple")
