from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from host.cli import main
from host.paths import SAMPLES
from host.study import schema
from host.study.schema import UNTUNED


@pytest.mark.slow
def test_command_makes_everything_together(tmp_path: Path) -> None:
    plates, out = tmp_path / "plates", tmp_path / "out"
    plates.mkdir()
    for path in sorted(SAMPLES.glob("*.png"))[:6]:
        shutil.copy(path, plates)
    arguments = ["results", "--only", "everything together", "--only", UNTUNED, "--only", "graph-level"]
    arguments += ["--rounds", "1", "--inferences", "2", "--data", str(plates), "--output", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    rows = {row.name: row for row in schema.FORMAT.read(out / schema.FILE).rows}
    assert not any(row.error for row in rows.values())
    together = next(row for name, row in rows.items() if name.startswith("everything together"))
    assert together.untuned is not None and together.untuned < 1
    graph, untuned = rows["TVM, graph-level transformation"].macs, rows[UNTUNED].macs
    assert graph is not None and untuned is not None and graph < untuned
    assert {path.name for path in out.glob("*.svg")} == {"size.svg", "plates.svg"}


def test_target_that_does_not_run_here(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["results", "--target", "visionfive2", "--output", str(tmp_path / "x")])
    assert result.exit_code == 2 and "does not run its code" in result.output
    assert not (tmp_path / "x").exists()
