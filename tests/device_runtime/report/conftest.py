from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.bundle.verify import verify
from device_runtime.report.measure import Measurements, make_report, warm_up
from device_runtime.report.report import Report


@pytest.fixture
def finished(pristine_bundle: Path) -> Report:
    """Of two plates, one of them read right."""
    measured = Measurements(warmup=warm_up([9.0, 2.0, 3.0]), unreadable=1, wall_s=0.5)
    for read in (0.5, 1.5):
        measured.add({"read": read, "preprocess": 0.25, "infer": 2.0, "decode": 0.25, "total": read + 2.5})
        measured.tally.add("京A12345", "京A12345" if read < 1 else "京A12346")
    return make_report(
        verify(pristine_bundle),
        measured,
        source="images",
        threads=2,
        grammar=True,
        golden_difference=1e-5,
        temperature_before_c=40.5,
    )
