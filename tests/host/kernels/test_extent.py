from __future__ import annotations

import pytest

from host.kernels.extent import (
    LEAST,
    USUAL,
    least,
    multiple_of,
    quotient,
    scaled,
    usual,
    variable,
    variable_of,
)


def test_a_number_is_its_own_only_value() -> None:
    assert (multiple_of(12), usual(12), least(12), variable_of(12)) == (12, (12,), 12, None)
    assert quotient(12, 4) == scaled(3, 1) == 3


def test_a_multiple_of_a_variable_is_known_to_be_one() -> None:
    h = variable("h")
    extent = scaled(h, 8)
    assert h.same_as(variable_of(extent))
    assert (multiple_of(extent), multiple_of(quotient(extent, 4))) == (8, 2)
    assert multiple_of(h) == multiple_of(quotient(extent, 8)) == 1
    assert least(extent) == 8 * LEAST
    assert usual(extent) == tuple(8 * value for value in USUAL)


def test_only_what_surely_divides_divides() -> None:
    with pytest.raises(AssertionError):
        quotient(scaled(variable("h"), 6), 4)
