from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from device_runtime.report.report import REPORT
from host.cli import main
from tests.host.compare.sides import run as report_of


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of five reports each; the second side is 10 % slower."""
    rng = np.random.default_rng(1)
    for name, infer_ms in (("a", 5.0), ("b", 5.5)):
        for number in range(5):
            REPORT.write(tmp_path / name / f"{number}.json", report_of(rng, infer_ms))
    return tmp_path / "a", tmp_path / "b"


def test_a_table_with_what_grew(runs: tuple[Path, Path], tmp_path: Path) -> None:
    done = run(*runs, "--export", tmp_path / "out.csv")
    assert done.exit_code == 0, done.output
    (infer,) = (line for line in done.stdout.splitlines() if line.startswith("infer.p50"))
    assert (infer.split()[-1] == "grew" and "+10." in infer) or "+9." in infer
    assert (tmp_path / "out.csv").read_text().startswith("of,to,metric")


def test_a_condition_that_holds_is_exit_status_1(runs: tuple[Path, Path]) -> None:
    done = run(*runs, "--fail-if", "infer.p50>+5%", "--fail-if", "model>+1%", "--json")
    assert done.exit_code == 1 and json.loads(done.stdout)["rows"]
    assert done.stderr.strip() == "infer.p50>+5%: infer.p50 grew"
    assert run(*runs, "--fail-if", "infer.p50>+15%").exit_code == 0
    # The other way round it got faster.
    assert run(*reversed(runs), "--fail-if", "infer.p50>+5%").exit_code == 0


def test_too_few_samples_are_exit_status_2(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for name in "ab":
        REPORT.write(tmp_path / f"{name}.json", report_of(rng, 5.0, n=10))
    done = run(tmp_path / "a.json", tmp_path / "b.json", "--resolution", 1)
    assert done.exit_code == 2 and "measure" in done.stderr and " more" in done.stderr
    # What there is, is shown all the same.
    assert "infer.p50" in done.stdout


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--fail-if", "infer>5"), "is no condition"),
        (("--export", "x.xls"), "is no kind of file"),
        (("--data", "nowhere"), "nowhere"),
        (("--rounds", "1"), "--rounds"),
        (("--resolution", "nan"), "--resolution nan: is no number"),
        (("--fail-if", "accuracy<-1pp"), "accuracy is not known of both"),
    ],
)
def test_wrong_use_is_one_line(options: tuple[str, ...], why: str, runs: tuple[Path, Path]) -> None:
    done = run(*runs, *options)
    assert done.exit_code == 2 and why in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
