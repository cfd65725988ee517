from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from device_runtime.bundle.manifest import ConfidenceInfo
from device_runtime.read.confidence import confidence, features
from device_runtime.read.decode import Decoded, greedy

INFO = ConfidenceInfo(offset=-1, characters=0.5, gap=0.25, grammar=2, width=1, least=0.3)


def test_features() -> None:
    logits = np.zeros((3, 4), np.float32)
    logits[[0, 2, 1, 2], range(4)] = (5, 3, 6, 4)
    decoded = greedy(logits, "AB-", 2)
    odds, gap, grammar, width, narrow = features(decoded, logits, True, 32)
    assert decoded.text == "AB"
    assert 1 / (1 + math.exp(-odds)) == pytest.approx(decoded.confidence)
    assert (gap, grammar) == (3, 1)
    assert width == pytest.approx(math.log(32 / 94))
    assert narrow == pytest.approx(-1)


def test_features_are_finite() -> None:
    certain = np.array([[100, 0], [0, 100]], np.float32)
    for width in (0, 1e9):
        values = features(Decoded("A", 1.0, (1.0,)), certain, False, width)
        assert all(math.isfinite(value) for value in values)
    assert features(Decoded("A", 1.0, (1.0,)), certain, False, 500)[3:] == (0, 0)


def test_confidence_is_a_logistic() -> None:
    assert confidence(INFO, (2, 4, 0, 0, 0)) == pytest.approx(1 / (1 + math.exp(-1)))
    assert confidence(INFO, (2, 4, 1, -1, 0)) == pytest.approx(1 / (1 + math.exp(-2)))
    assert 0 <= confidence(INFO, (-1e6, 0, 0, 0, 0)) < 1e-9


def test_narrow_plates_count_for_nothing_where_a_bundle_does_not_weigh_that() -> None:
    wide = (2.0, 4.0, 1.0, -0.8, 0.0)
    narrow = (*wide[:4], -1.0)
    assert confidence(INFO, narrow) == confidence(INFO, wide)
    weighed = msgspec.structs.replace(INFO, narrow=0.5)
    assert confidence(weighed, narrow) < confidence(weighed, wide)


def test_doubt_keeps_narrow_plates_from_being_sure() -> None:
    doubtful = msgspec.structs.replace(INFO, doubt=2.0)
    for characters, less in ((8.0, True), (-8.0, False)):
        narrow = (characters, 4.0, 1.0, -0.8, -1.0)
        wide = (*narrow[:4], 0.0)
        assert (confidence(doubtful, narrow) < confidence(INFO, narrow)) is less
        assert confidence(doubtful, wide) == confidence(INFO, wide)
    odds = -1 + 0.5 * 8 + 0.25 * 4 + 2 - 0.8
    assert confidence(doubtful, (8.0, 4.0, 1.0, -0.8, -1.0)) == pytest.approx(1 / (1 + math.exp(-odds / 3)))
