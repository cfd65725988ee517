"""`--fail-if`: what a comparison must not show.

infer.p50>+5%       the median of a stage grew by more than 5 %; also p90, p99, of any stage
throughput<-5%      frames a second
memory>+10%         most memory that was resident
size>+1%            bytes of the bundle
model>+1%           bytes of model.so
accuracy<-0.5pp     share of plates read right, in percentage points
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from device_runtime.errors import FatalError
from device_runtime.timing import STAGES

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
WHOLE = ("throughput", "memory", "size", "model")
ACCURACY = "accuracy"
_FORM = re.compile(r"\s*([a-z]+)(?:\.([a-z0-9]+))?\s*([<>])\s*([+-]?\d+(?:\.\d+)?)\s*(%|pp)\s*")


@dataclass(frozen=True)
class Condition:
    """One of them.

    Attributes:
        text: as the user wrote it.
        metric: `infer.p50`, or one of `WHOLE`, or `accuracy`.
        above: it holds above *change*, else below.
        change: as a share, 0.05 of +5% and of +5pp.
    """

    text: str
    metric: str
    above: bool
    change: float

    def holds(self, change: float) -> bool:
        """Whether so large a change meets it."""
        return change > self.change if self.above else change < self.change


def parse_condition(text: str) -> Condition:
    """What *text* says.

    Raises:
        FatalError: it is no condition.
    """
    found = _FORM.fullmatch(text)
    todo = "write e.g. 'infer.p50>+5%', 'size>+1%' or 'accuracy<-0.5pp'"
    if found is None:
        raise FatalError(f"--fail-if {text!r}", "is no condition", todo)
    name, statistic, sign, number, unit = found.groups()
    metric = f"{name}.{statistic}" if statistic else name
    known = (name in STAGES and statistic in QUANTILES) or metric in (*WHOLE, ACCURACY)
    if not known:
        names = ", ".join([*(f"{s}.p50" for s in STAGES), *WHOLE, ACCURACY])
        raise FatalError(
            f"--fail-if {text!r}", f"{metric} is not compared", f"choose among {names}; p90, p99"
        )
    if (unit == "pp") != (metric == ACCURACY):
        raise FatalError(
            f"--fail-if {text!r}", "accuracy is in percentage points, pp, and all else in %", todo
        )
    change = float(number) / 100
    if change == 0 or (change > 0) != (sign == ">"):
        why = "has to look above a growth or below a loss, not of zero"
        raise FatalError(f"--fail-if {text!r}", why, todo)
    return Condition(text.strip(), metric, sign == ">", change)
