"""Sides of comparisons as runs make them."""

from __future__ import annotations

import msgspec
import numpy as np

from device_runtime.report.report import Report
from device_runtime.timing import distribution
from host.compare.side import Side
from tests.reports import made


def run(rng: np.random.Generator, infer_ms: float, n: int = 200) -> Report:
    """A run whose inference takes about *infer_ms*."""
    samples = infer_ms * rng.lognormal(0, 0.05, n)
    found = distribution(samples.tolist())
    report = made(infer_ms=infer_ms, n=n)
    return msgspec.structs.replace(
        report,
        stages=report.stages | {"infer": found, "total": found},
        throughput=1e3 / infer_ms * float(rng.lognormal(0, 0.01)),
    )


def side(name: str, infer_ms: float, rounds: int = 8, n: int = 200, plates: str | None = None) -> Side:
    """With a report a round; *plates* has a + for each plate that was read right and a - for another."""
    rng = np.random.default_rng(len(name))
    return Side(
        name=name,
        reports=tuple(run(rng, infer_ms, n) for _ in range(rounds)),
        plates=None if plates is None else {f"{i}.png": c == "+" for i, c in enumerate(plates)},
    )
