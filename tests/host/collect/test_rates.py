from __future__ import annotations

from host.collect.rates import Rates


def test_a_bucket_empties_and_fills() -> None:
    now = [0.0]
    rates = Rates(rate=2, burst=3, now=lambda: now[0])
    assert [rates.take("a") for _ in range(3)] == [0, 0, 0]
    assert rates.take("a") == 0.5 == rates.wait_s("a")
    assert rates.take("b") == 0
    now[0] = 0.5
    assert rates.take("a") == 0 and rates.take("a") > 0
    now[0] = 100
    assert [rates.take("a") == 0 for _ in range(4)] == [True, True, True, False]


def test_a_batch_larger_than_the_bucket_passes_and_is_paid_for() -> None:
    now = [0.0]
    rates = Rates(rate=1, burst=10, now=lambda: now[0])
    assert rates.take("a", 100) == 0
    assert rates.take("a") == 91
    now[0] = 91.0
    assert rates.take("a") == 0
