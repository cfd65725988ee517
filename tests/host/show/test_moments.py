from __future__ import annotations

import msgspec
import pytest

from host.show.moments import moments
from tests.fleets import health_of


def test_counts_become_rates_within_a_run() -> None:
    reports = list(health_of(1, hours=2))
    again = msgspec.structs.replace(reports[6], run="another", uptime_s=1.0)
    found = moments([*reports[:6], again, *reversed(reports[7:])])
    assert found[0].frames_per_s is None and found[6].frames_per_s is None
    assert found[3].frames_per_s == pytest.approx(15, rel=0.1)
    assert [one.at for one in found] == sorted(one.at for one in found)
