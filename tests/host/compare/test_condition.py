from __future__ import annotations

import pytest

from device_runtime.errors import FatalError
from host.compare.condition import parse_condition


@pytest.mark.parametrize(
    ("text", "metric", "met", "unmet"),
    [
        ("infer.p50>+5%", "infer.p50", 0.051, 0.05),
        (" total.p99 > 10 % ", "total.p99", 0.2, -0.2),
        ("throughput<-5%", "throughput", -0.06, -0.04),
        ("size>+1%", "size", 0.02, 0.0),
        ("accuracy<-0.5pp", "accuracy", -0.006, 0.1),
    ],
)
def test_a_condition_is_a_metric_a_sign_and_a_change(
    text: str, metric: str, met: float, unmet: float
) -> None:
    condition = parse_condition(text)
    assert condition.metric == metric
    assert condition.holds(met) and not condition.holds(unmet)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no condition"),
        ("infer.p50", "is no condition"),
        ("infer.p50>5", "is no condition"),
        ("infer.p50>=5%", "is no condition"),
        ("infer.p50>+5%; size>+1%", "is no condition"),
        ("infer.p75>+5%", "infer.p75 is not compared"),
        ("infer>+5%", "infer is not compared"),
        ("size.p50>+5%", "size.p50 is not compared"),
        ("accuracy<-1%", "percentage points"),
        ("size>+1pp", "percentage points"),
        ("infer.p50>-5%", "not of zero"),
        ("accuracy<+1pp", "not of zero"),
        ("size>0%", "not of zero"),
    ],
)
def test_anything_else_is_refused_in_a_line(text: str, why: str) -> None:
    with pytest.raises(FatalError) as error:
        parse_condition(text)
    assert why in str(error.value) and "\n" not in str(error.value)
