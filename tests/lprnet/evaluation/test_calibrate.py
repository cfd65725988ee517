from __future__ import annotations

import numpy as np
import pytest

from device_runtime.read.confidence import confidence
from lprnet.data.mixture import fewer
from lprnet.evaluation.calibrate import (
    Judged,
    bins,
    false_readings,
    fit,
    judged,
    least_confidence,
    practice,
)
from lprnet.network.checkpoint import load_checkpoint
from lprnet.plates import render
from lprnet.scenes.crops import NOTHING, Crops
from lprnet.weights import of_recipe
from tests.checkpoints import random_checkpoint


def made_up(count: int) -> list[Judged]:
    """Readings that are right as often as a known logistic says."""
    rng = np.random.default_rng(1)
    readings = []
    for _ in range(count):
        values = (rng.normal(0, 3), rng.uniform(0, 5), float(rng.random() < 0.7), -rng.uniform(0, 1.5))
        odds = -3 + values[0] + 3 * values[2] + 2 * values[3]
        right = rng.random() < 1 / (1 + np.exp(-odds))
        readings.append(Judged("A", "A" if right else NOTHING, values))
    return readings


def test_fit_finds_the_weights_that_readings_are_made_with() -> None:
    info = fit(made_up(6000))
    assert (info.characters, info.grammar, info.width) == pytest.approx((1, 3, 2), abs=0.3)
    assert info.offset == pytest.approx(-3, abs=0.4)
    assert abs(info.gap) < 0.1


def test_readings_are_as_often_right_as_they_say() -> None:
    readings = made_up(6000)
    found = bins(fit(readings), readings, (0, 0.2, 0.4, 0.6, 0.8, 1))
    assert sum(b.n for b in found) == 6000
    assert all(b.confidence == pytest.approx(b.right, abs=0.06) for b in found)


def test_features_that_never_vary_do_no_harm() -> None:
    readings = [Judged("A", "A" if i % 2 else "B", (0.0, 0.0, 0.0, 0.0)) for i in range(50)]
    assert confidence(fit(readings), (0, 0, 0, 0)) == pytest.approx(0.5, abs=0.01)


def test_the_least_confidence_loses_as_many_right_readings_as_it_may() -> None:
    readings = made_up(2000)
    info = fit(readings)
    least = least_confidence(info, readings, 0.02)
    right = [one for one in readings if one.right]
    assert sum(confidence(info, one.values) < least for one in right) <= 0.02 * len(right)
    assert false_readings(info, readings, least) < false_readings(info, readings, 0)


def test_crops_to_practise_on() -> None:
    real = tuple((crop.image, crop.text) for crop in (render(5, i, 0.2) for i in range(4)))
    crops = Crops(real=real)
    drawn = [practice(np.random.default_rng((1, i)), crops, 1, i) for i in range(24)]
    again = [practice(np.random.default_rng((1, i)), crops, 1, i) for i in range(24)]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(drawn, again, strict=True))
    assert all(crop.image.shape == (24, 94, 3) for crop in drawn)
    assert min(crop.width for crop in drawn) < 94
    assert any(crop.text == NOTHING for crop in drawn)
    readings = judged(random_checkpoint(), drawn)
    assert len(readings) <= 24
    assert all(len(one.values) == 4 for one in readings)


def test_fewer_pixels() -> None:
    image = np.zeros((24, 94, 3), np.uint8)
    image[:, ::2] = 255
    assert fewer(image, 30).shape == (24, 94, 3)
    assert fewer(image, 30).std() < 0.5 * image.std()


def test_the_default_network_reads_two_rows_and_nothing_where_no_plate_is() -> None:
    checkpoint = load_checkpoint(of_recipe("tiny"))
    info = checkpoint.confidence
    assert info is not None
    nothing, double = Crops(nothing=1), Crops(nothing=0, two_rows=1)
    others = [nothing.draw(np.random.default_rng((9, i)), 0.5) for i in range(60)]
    plates = [double.draw(np.random.default_rng((9, i)), 0.3) for i in range(60)]
    # A plate that is far too small in its crop may be read, though not surely.
    assert false_readings(info, judged(checkpoint, others), 0.5) == 0
    wide = [plate for plate in plates if plate.width > 70]
    assert sum(one.right for one in judged(checkpoint, wide)) >= 0.8 * len(wide) > 10
