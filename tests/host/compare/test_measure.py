from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.compare.measure import measure
from host.compare.side import Side


def test_bundles_run_in_turns_with_their_own_program(fp32_bundle: Path, images: Path, tmp_path: Path) -> None:
    a, b = (Side(name=name, bundle=fp32_bundle) for name in "ab")
    a, b = measure((a, b), tmp_path, data=[images], scenes=None, rounds=2, frames=5, threads=1)
    assert [report.run.n for report in (*a.reports, *b.reports)] == [5] * 4
    assert a.plates == b.plates and len(a.plates or ()) == 3
    # A B B A.
    written = sorted(tmp_path.glob("report-*.json"), key=lambda path: path.stat().st_mtime_ns)
    assert [path.name for path in written] == [f"report-{i}.json" for i in ("0-0", "1-0", "1-1", "0-1")]
    # The bundle's lpr-run, not this one.
    assert (tmp_path / "program-0/device_runtime/cli.py").is_file()


def test_a_bundle_that_fails_is_named(fp32_bundle: Path, tmp_path: Path) -> None:
    a, b = (Side(name=name, bundle=fp32_bundle) for name in "ab")
    with pytest.raises(FatalError, match=r"a: its lpr-run fails: .*none"):
        measure((a, b), tmp_path, data=[tmp_path / "none"], scenes=None, rounds=1, frames=5, threads=1)
    with pytest.raises(FatalError, match="brings no lpr-run"):
        measure(
            (replace(a, bundle=tmp_path), b), tmp_path, data=[], scenes=None, rounds=1, frames=5, threads=1
        )
