from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from device_runtime.board.describe import Board
from host.bench.measure import Pace
from host.bench.pipelines.frames import rendered
from host.bench.pipelines.registry import OURS, PEERS, Peer
from host.bench.pipelines.run import Entry, PipelinesRequest, fastest_equal, run
from host.bench.pipelines.schema import FORMAT, PipelineRow, Pipelines, PipelineSettings
from host.bench.pipelines.table import markdown


def entry(name: str, found: int, ms: float) -> Entry:
    return Entry(row=PipelineRow(pipeline=name, n=10, found=found, read=found), rounds=((ms, ms),))


def test_the_reference_is_the_fastest_peer_that_finds_as_many() -> None:
    ours, quick, slow = entry(OURS, 8, 1), entry("quick", 5, 10), entry("slow", 9, 50)
    slower = entry("slower", 9, 90)
    failed = Entry(row=PipelineRow(pipeline="failed", error="cannot be installed"))
    assert fastest_equal([ours, quick, slow, slower, failed]) is slow
    assert fastest_equal([entry(OURS, 5, 1), quick, slow]) is quick
    # Nobody finds as many: of those that find most.
    assert fastest_equal([entry(OURS, 10, 1), quick, slow, slower]) is slow
    assert fastest_equal([ours, failed]) is None
    assert fastest_equal([quick, slow]) is slow


def test_the_table_has_the_fastest_first_and_says_why_a_peer_is_missing(tmp_path: Path) -> None:
    rows = (
        PipelineRow(
            pipeline="slow", version="1", n=10, found=9, read=7, p25_ms=49, p50_ms=50, p75_ms=51, ratio=1
        ),
        PipelineRow(pipeline=OURS, n=10, found=9, read=9, p25_ms=1, p50_ms=2, p75_ms=3, ratio=0.04),
        PipelineRow(pipeline="missing", error="cannot be installed: no network"),
    )
    settings = PipelineSettings(
        frames="rendered", width=1920, height=1080, timed=2, rounds=3, threads=1, cpus=(1,), reference="slow",
        bundle="native", precision="int8", load_average=0.0,
    )  # fmt: skip
    bench = Pipelines(created="2026", machine=Board(), settings=settings, rows=rows)
    heading, _, first, second, _, reason = markdown(bench).splitlines()
    assert heading == "| pipeline | found | read | ms (p50) | p25–p75 | ÷ slow |"
    assert first == f"| **{OURS}** | 9 of 10 | 9 of 10 | 2.00 | 1.00–3.00 | 0.040 |"
    assert second == "| slow 1 | 9 of 10 | 7 of 10 | 50.00 | 49.00–51.00 | 1.000 |"
    assert reason == "- missing: cannot be installed: no network"
    FORMAT.write(tmp_path / "p.json", bench)
    assert FORMAT.read(tmp_path / "p.json") == bench
    assert np.isclose(FORMAT.read(tmp_path / "p.json").rows[1].ratio or 0, 0.04)


def test_the_bundle_that_ships_is_timed_and_what_fails_is_a_row(
    bundle_of_users: Path, tmp_path: Path
) -> None:
    absent = Peer(module="host.bench.pipelines.absent", packages=("absent==1",), needs=("absent==1",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setitem(PEERS, "absent", absent)
        request = PipelinesRequest(
            bundle=bundle_of_users,
            peers=("absent",),
            frames=rendered(2),
            timed=1,
            pace=Pace(rounds=2, warmup=0, settle_s=0),
            cache=tmp_path,
        )
        bench = run(request)
    ours, failed = bench.rows
    assert (ours.pipeline, ours.n, ours.error) == (OURS, 2, None) and (ours.found or 0) >= 1
    assert ours.p50_ms is not None and ours.p50_ms > 0 and ours.ratio is None
    assert failed.p50_ms is None and "cannot be installed" in (failed.error or "")
    assert bench.settings.reference is None and bench.settings.timed == 1
