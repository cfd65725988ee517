from pathlib import Path

import numpy as np
import pytest

from device_runtime.locate.locator import Found, Scoring
from lprnet.data.photographs import LabelledPlate, Photograph
from lprnet.evaluation.locator import compare
from lprnet.evaluation.locator_scores import candidates, fit_scoring, least_threshold, scores_of


def test_the_score_is_the_share_of_plates_among_what_has_it() -> None:
    """Candidates drawn with known weights: the fit finds these again."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, (20_000, 2))
    true = Scoring(find=0.4, refine=0.8, offset=-1)
    plates = rng.random(len(logits)) < scores_of(true, logits)
    fitted = fit_scoring(logits, plates)
    assert fitted.find == pytest.approx(0.4, abs=0.05) and fitted.refine == pytest.approx(0.8, abs=0.05)
    assert fitted.offset == pytest.approx(-1, abs=0.1)


def test_candidates_that_are_told_apart_have_finite_weights() -> None:
    logits = np.array([[-3.0, -4], [-2, -5], [3, 4], [2, 5]])
    fitted = fit_scoring(logits, np.array([False, False, True, True]))
    assert 0 < fitted.find < 20 and 0 < fitted.refine < 20


def test_the_threshold_leaves_so_many_false_boxes() -> None:
    scores = np.array([0.2, 0.4, 0.6, 0.8, 0.9])
    plates = np.array([False, False, True, False, True])
    assert least_threshold(scores, plates, 1) == 0.41
    assert least_threshold(scores, plates, 0) == 0.81


def test_boxes_that_overlap_a_label_a_little_are_left_out() -> None:
    plate = np.array([[100, 100], [160, 100], [160, 120], [100, 120]], np.float32)
    corners = np.stack([plate + 1, plate + np.array([40, 0], np.float32), plate + 200])
    scores = np.array([0.9, 0.8, 0.5], np.float32)
    found = Found(corners, scores, scores, scores, np.zeros(3, np.float32))
    photograph = Photograph(path=Path("a.jpg"), plates=(LabelledPlate((100, 100, 160, 120)),))
    logits, plates = candidates([compare(photograph, found, 1)])
    assert plates.tolist() == [True, False]
    np.testing.assert_allclose(logits[:, 0], [np.log(9), 0], atol=1e-5)
