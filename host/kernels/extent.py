"""Heights and widths that only a call decides: multiples of a variable, which kernels take as a parameter."""

from __future__ import annotations

from math import gcd

from tvm import tirx

from host.kernels.emit import Expr

LEAST = 4
"""A variable's smallest value; tiles are no wider than rows of that many cells."""
USUAL = (13, 12, 11, 10, 9, 8, 7)
"""Values that tiles are chosen for: an input of 320² pixels in the proportions of cameras, in cells of 32."""


def variable(name: str) -> Expr:
    """A fresh variable."""
    return tirx.Var(name, "int32")


def variable_of(extent: Expr) -> Expr | None:
    """The variable that *extent* is a multiple of; None where it is a number."""
    if isinstance(extent, int):
        return None
    return extent.a if isinstance(extent, tirx.Mul) else extent


def multiple_of(extent: Expr) -> int:
    """The largest number that surely divides *extent*."""
    if isinstance(extent, int):
        return extent
    return int(extent.b) if isinstance(extent, tirx.Mul) else 1


def usual(extent: Expr) -> tuple[int, ...]:
    """What *extent* may be: the number itself, or its usual values."""
    return (extent,) if isinstance(extent, int) else tuple(multiple_of(extent) * value for value in USUAL)


def least(extent: Expr) -> int:
    """The smallest that *extent* may be."""
    return extent if isinstance(extent, int) else multiple_of(extent) * LEAST


def quotient(extent: Expr, divisor: int) -> Expr:
    """*extent* / *divisor*, which divides `multiple_of` it."""
    assert multiple_of(extent) % divisor == 0
    return (
        extent // divisor
        if isinstance(extent, int)
        else scaled(variable_of(extent), multiple_of(extent) // divisor)
    )


def scaled(variable: Expr, multiple: int) -> Expr:
    """*multiple* times a variable or number."""
    return variable * multiple


def common_divisor(extent: Expr, other: int) -> int:
    """Of an extent and a number, as far as is known."""
    return gcd(multiple_of(extent), other)
