from __future__ import annotations

import numpy as np
import pytest

from device_runtime.read.confidence import confidence
from lprnet.data.mixture import fewer
from lprnet.evaluation.calibrate import (
    Judged,
    bins,
    by_width,
    false_readings,
    fit,
    judged,
    least_confidence,
    practice,
    unseen,
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
        width = float(np.exp(rng.uniform(np.log(24), np.log(120))))
        values = (
            rng.normal(0, 3),
            rng.uniform(0, 5),
            float(rng.random() < 0.7),
            min(np.log(width / 94), 0.0),
            min(np.log2(width / 64), 0.0),
        )
        odds = -3 + values[0] + 3 * values[2] + 2 * values[4]
        right = rng.random() < 1 / (1 + np.exp(-odds))
        readings.append(Judged("A", "A" if right else NOTHING, values, width))
    return readings


def test_fit_finds_the_weights_that_readings_are_made_with() -> None:
    info = fit(made_up(6000), doubt=0)
    assert (info.characters, info.grammar, info.narrow) == pytest.approx((1, 3, 2), abs=0.4)
    assert info.offset == pytest.approx(-3, abs=0.4)
    assert abs(info.gap) < 0.1


def test_readings_are_as_often_right_as_they_say() -> None:
    readings = made_up(6000)
    found = bins(fit(readings, doubt=0), readings, (0, 0.2, 0.4, 0.6, 0.8, 1))
    assert sum(b.n for b in found) == 6000
    assert all(b.confidence == pytest.approx(b.right, abs=0.06) for b in found)


def test_features_that_never_vary_do_no_harm() -> None:
    nothing = (0.0, 0.0, 0.0, 0.0, 0.0)
    readings = [Judged("A", "A" if i % 2 else "B", nothing, 94) for i in range(50)]
    assert confidence(fit(readings), nothing) == pytest.approx(0.5, abs=0.01)


def test_readings_of_every_width_are_as_often_right_as_they_say() -> None:
    readings = made_up(6000)
    found = by_width(fit(readings, doubt=0), readings, (0, 32, 48, 64, 200))
    assert sum(one.n for one in found) == 6000
    assert all(one.confidence == pytest.approx(one.right, abs=0.04) for one in found)
    assert 0 < sum(one.wrong for one in found) < 0.06 * sum(one.sure for one in found)


def test_narrow_plates_are_rather_unsure_than_wrong() -> None:
    readings = made_up(6000)
    edges = (0, 48, 64, 200)
    narrow, _, wide = by_width(fit(readings), readings, edges)
    honest, _, as_wide = by_width(fit(readings, doubt=0), readings, edges)
    assert narrow.sure < 0.7 * honest.sure and narrow.wrong < 0.5 * honest.wrong
    assert wide.confidence == as_wide.confidence


def test_crops_in_texts_that_no_training_has_seen() -> None:
    real = [(crop.image, crop.text) for crop in (render(5, i, 0.2, "blue") for i in range(3))]
    crops = unseen(real, 6, 1)
    assert len(crops) == 6
    assert {text for _, text in crops} != {text for _, text in real}
    # Where no characters are found, the crops are all that there is.
    blank = [(np.zeros((24, 94, 3), np.uint8), "皖A12345")]
    assert unseen(blank, 6, 1) == tuple(blank)


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
    assert all(len(one.values) == 5 for one in readings)


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
    others = [nothing.draw(np.random.default_rng((9, i)), 0.5) for i in range(200)]
    plates = [double.draw(np.random.default_rng((9, i)), 0.3) for i in range(60)]
    # A plate that is far too small in its crop, or lettering like a plate's, may be read, though not surely.
    read = judged(checkpoint, others)
    assert false_readings(info, read, 0.5) <= 1
    assert false_readings(info, read, 0.9) == 0
    wide = [plate for plate in plates if plate.width > 70]
    assert sum(one.right for one in judged(checkpoint, wide)) >= 0.8 * len(wide) > 10
