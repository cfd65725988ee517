from __future__ import annotations

import msgspec

from host.show.moments import moments
from host.show.trend import ROWS, bundle_marks, spread_out, switches, throttling_bands, trend
from tests.fleets import health_of


def test_trends_say_when_and_why_it_was_slow() -> None:
    found = moments(list(health_of(3)))
    bands = throttling_bands(found)
    assert bands and all(band.start <= band.stop and "temperature" in band.label for band in bands)
    charts = trend(found)
    assert [chart.title for chart in charts] == [
        "Throughput", "Temperature and throttling", "Latency of a whole frame", "Memory",
    ]  # fmt: skip
    assert all(len(chart.table.rows) == ROWS for chart in charts)
    assert "held back (soft temperature limit)" in charts[1].summary
    assert trend([]) == []


def test_long_tables_are_thinned_evenly() -> None:
    assert spread_out(5, 10) == [0, 1, 2, 3, 4]
    assert spread_out(1001, 11) == list(range(0, 1001, 100))


def test_a_bundle_that_is_gone_back_to_is_marked_as_such() -> None:
    reports = list(health_of(0, hours=2))
    for i in (15, 16):
        bundle = msgspec.structs.replace(reports[i].bundle, manifest_sha256="c" * 64)
        reports[i] = msgspec.structs.replace(reports[i], bundle=bundle)
    found = moments(reports)
    assert [mark.label for mark in bundle_marks(found)] == [
        "bundle bbbbbbbb", "bundle cccccccc", "back to bundle bbbbbbbb",
    ]  # fmt: skip
    assert switches(found).startswith("2026-11-26 10:30:00 UTC: back to bundle bbbbbbbb. ")
