from __future__ import annotations

import random

from device_runtime.delivery.channel import Backoff


def test_waits_double_up_to_the_longest_and_begin_again_after_success() -> None:
    backoff = Backoff(60.0, draw=random.Random(1))
    waits = [backoff.next() for _ in range(100)]
    for index, wait in enumerate(waits):
        whole = min(2.0**index, 60.0)
        assert whole / 2 <= wait <= whole
    assert len(set(waits)) == 100
    backoff.reset()
    assert backoff.next() <= 1.0
