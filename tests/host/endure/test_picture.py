from __future__ import annotations

import time

import pytest

from host.endure.picture import BITS, FPS, HEIGHT, WIDTH, age_of, number_in, row


@pytest.mark.parametrize("number", [0, 1, 0b1010101010101010, (1 << BITS) - 1])
def test_a_picture_tells_its_number(number: int) -> None:
    line = row(number)
    assert len(line) == WIDTH and HEIGHT > 0
    columns = [line[bit * WIDTH // BITS + 5] for bit in range(BITS)]
    assert number_in([float(bright) for bright in columns]) == number


def test_age_counts_from_when_a_picture_was_due() -> None:
    t0 = time.monotonic() - 100
    assert age_of(100 * FPS, t0) == pytest.approx(0, abs=0.5)
    assert age_of(98 * FPS, t0) == pytest.approx(2, abs=0.5)
    # Numbers begin again after 36 minutes.
    assert age_of(1 * FPS, time.monotonic() - (1 << BITS) / FPS - 3) == pytest.approx(2, abs=0.5)
