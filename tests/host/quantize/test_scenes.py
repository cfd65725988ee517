"""Pictures that a quantizer sees."""

from __future__ import annotations

import numpy as np

from host.quantize.scenes import scene_samples, view_samples


def test_fewer_samples_are_the_first_ones() -> None:
    assert np.array_equal(scene_samples(1), scene_samples(2)[:1])
    assert scene_samples(1).shape == (1, 320, 320, 3)
    assert np.array_equal(view_samples(3), view_samples(11)[:3])
    assert view_samples(11).shape == (11, 64, 128, 3)
