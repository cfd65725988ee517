"""Types of command-line options that click lacks."""

from __future__ import annotations

import math
from typing import Any

import click


class Number(click.FloatRange):
    """A `click.FloatRange` that refuses nan, which is in every range, and infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


POSITIVE = Number(0, min_open=True)
