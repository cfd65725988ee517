from __future__ import annotations

import math

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
    odds, gap, grammar, width = features(decoded, logits, True, 47)
    assert decoded.text == "AB"
    assert 1 / (1 + math.exp(-odds)) == pytest.approx(decoded.confidence)
    assert (gap, grammar) == (3, 1)
    assert width == pytest.approx(math.log(0.5))


def test_features_are_finite() -> None:
    certain = np.array([[100, 0], [0, 100]], np.float32)
    for width in (0, 1e9):
        values = features(Decoded("A", 1.0, (1.0,)), certain, False, width)
        assert all(math.isfinite(value) for value in values)
    assert features(Decoded("A", 1.0, (1.0,)), certain, False, 500)[3] == 0


def test_confidence_is_a_logistic() -> None:
    assert confidence(INFO, (2, 4, 0, 0)) == pytest.approx(1 / (1 + math.exp(-1)))
    assert confidence(INFO, (2, 4, 1, -1)) == pytest.approx(1 / (1 + math.exp(-2)))
    assert 0 <= confidence(INFO, (-1e6, 0, 0, 0)) < 1e-9
