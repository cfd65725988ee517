from __future__ import annotations

import msgspec

from host.bench.runtimes import OURS
from host.bench.schema import BenchRow
from host.bench.table import markdown
from tests.host.bench.test_schema import BENCH


def test_the_fastest_come_first_and_failures_last() -> None:
    rows = (
        BenchRow(runtime="torch", precision="fp32", threads=1, p25_ms=1.0, p50_ms=2.0, p75_ms=3.0),
        BenchRow(
            runtime=OURS,
            precision="int8",
            threads=1,
            version="0.1.0",
            p25_ms=0.5,
            p50_ms=0.51,
            p75_ms=0.52,
            ratio=0.25,
            accuracy=0.96,
            bytes=272_200,
        ),
        BenchRow(runtime="ncnn", precision="int8", threads=1, error="not installed: ncnn"),
    )
    assert markdown(msgspec.structs.replace(BENCH, rows=rows)).splitlines()[2:] == [
        f"| **{OURS} 0.1.0** | int8 | 1 | 0.510 | 0.500–0.520 | 0.250 | – | 0.9600 | 272,200 |",
        "| torch | fp32 | 1 | 2.000 | 1.000–3.000 | – | – | – | – |",
        "",
        "- ncnn int8, 1 thread: not installed: ncnn",
    ]
