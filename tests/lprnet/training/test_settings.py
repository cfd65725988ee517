import time

import pytest

from lprnet.training.settings import Budget, Settings, learning_rate


def test_learning_rate_schedule() -> None:
    settings = Settings(warmup=10, learning_rate=1.0)
    assert learning_rate(settings, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(settings, 100, 0.0) == 1.0
    assert learning_rate(settings, 100, 0.5) == pytest.approx(0.5)
    assert learning_rate(settings, 100, 1.0) == pytest.approx(0.0)
    assert learning_rate(settings, 100, 2.0) == pytest.approx(0.0)


def test_progress_by_samples() -> None:
    assert [Budget(samples=8).progress(n, started=0.0) for n in (0, 4, 8, 12)] == [0, 0.5, 1, 1.5]


def test_progress_by_the_clock() -> None:
    now = time.time()
    assert Budget(deadline=now - 1).progress(10**9, started=now - 2) == 1.0
    assert Budget(deadline=now + 1e6).progress(0, started=now - 1e6) == pytest.approx(0.5, abs=1e-3)
    assert Budget(deadline=now + 1e6).progress(0, started=now) < 1e-3
