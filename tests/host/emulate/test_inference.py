from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.bench.instructions.pipeline import run
from host.bench.instructions.table import pipeline_markdown
from host.bench.pipelines.frames import rendered
from host.build import Request, build
from host.emulate.guests.pipeline import PARTS
from host.emulate.inference import count_bundles, count_inference
from host.emulate.root import root_for
from host.paths import BUILD
from host.targets.profile import Target
from host.targets.read import load_target
from tests.host.emulate import additions


def test_only_what_the_loader_returns_is_counted(rpi4: Target) -> None:
    root = root_for(rpi4.arch)
    few, more = (count_inference(additions, [str(n)], rpi4, root).total for n in (1000, 11000))
    assert few < 200_000
    # Some hundred instructions an addition, the interpreter's.
    assert 20 * 10_000 < more - few < 500 * 10_000


def test_a_loader_that_fails_is_one_line(rpi4: Target) -> None:
    with pytest.raises(FatalError, match="ValueError"):
        count_inference(additions, ["many"], rpi4, root_for(rpi4.arch))


def test_a_board_without_a_root_is_refused() -> None:
    with pytest.raises(FatalError, match="root for riscv64"):
        count_bundles([BUILD], load_target("visionfive2"))


@pytest.mark.slow
def test_the_pipeline_is_counted_part_by_part(rpi4: Target, tmp_path: Path) -> None:
    """In floats, which need no calibration; golden maps are checked on the emulated board."""
    bundle = build(Request(target=rpi4, output=tmp_path / "rpi4", precision="fp32"))
    bench = run({"rpi4": bundle}, rendered(1).images[0])
    parts = {row.part: row for row in bench.rows}
    assert tuple(parts) == (*PARTS, "rest", "sum")
    assert all(row.cpu == "cortex-a72" and row.precision == "fp32" for row in bench.rows)
    instructions = {name: row.instructions for name, row in parts.items()}
    assert 1e6 < instructions["letterbox"] < instructions["reader"] < instructions["find"]
    # Between the parts candidates are picked, in Python.
    assert 0 < instructions["rest"] < 2e6
    *rows, total = bench.rows
    assert sum(row.instructions for row in rows) == total.instructions
    assert all(row.cycles for row in rows if row.part != "rest") and total.cycles
    assert pipeline_markdown(bench).splitlines()[2].startswith("| letterbox | ")
