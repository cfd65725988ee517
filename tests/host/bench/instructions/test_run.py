"""Instructions per inference on emulated ARM boards."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from device_runtime.errors import FatalError
from host.bench.instructions import run as arm
from host.bench.instructions.run import ArmBench, Row
from host.cli import main
from host.compile.link import linker_for
from host.emulate.count import emulator
from host.paths import CACHE
from host.targets.read import load_target

BARS = {("cortex-a72", "fp32"): 45e6, ("cortex-a72", "int8"): 38e6, ("cortex-a76", "int8"): 13e6}
"""Most instructions an inference may take, in the best peers' light."""
FLOORS = {("cortex-a72", "fp32"): 26e6, ("cortex-a72", "int8"): 23e6, ("cortex-a76", "int8"): 9e6}
"""What its multiplications alone take, in fp32 with as few as Winograd's F(6, 3) needs."""


@pytest.fixture
def emulated() -> None:
    try:
        for name in ("rpi4", "rpi5"):
            emulator(load_target(name))
            linker_for(load_target(name))
    except FatalError as error:
        pytest.skip(str(error))


@pytest.mark.slow
def test_inferences_are_counted(emulated: None, tmp_path: Path) -> None:
    """Through `lpr-host bench --arm`, on the shipped checkpoint."""
    command = [
        "bench",
        "--arm",
        "--precisions",
        "fp32,fp16,int8",
        "--peers",
        "none",
        "--output",
        str(tmp_path),
    ]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    bench = json.loads((tmp_path / "arm.json").read_text())
    rows = {(row["cpu"], row["precision"]): row for row in bench["rows"]}
    assert set(rows) >= set(BARS)
    for case, bar in BARS.items():
        assert FLOORS[case] < rows[case]["instructions"] <= bar, case
    assert rows["cortex-a76", "fp16"]["instructions"] < 0.6 * rows["cortex-a76", "fp32"]["instructions"]
    assert rows["cortex-a72", "int8"]["cycles"] < rows["cortex-a72", "fp32"]["cycles"]
    assert "| lpr-edge | int8 | cortex-a76 |" in result.stdout


def bench(*rows: Row) -> ArmBench:
    return ArmBench(created="", emulator="", checkpoint="", checkpoint_sha256="", rows=rows)


def test_fewest_instructions_come_first_and_failures_last() -> None:
    slow = Row(runtime="slow", precision="int8", cpu="a", instructions=2_000_000)
    fast = Row(runtime="fast", precision="int8", cpu="a", instructions=1_000_000, cycles=1_500_000)
    failed = Row(runtime="broken", precision="int8", cpu="a", error="not installed: broken")
    lines = arm.markdown(bench(failed, slow, fast)).splitlines()
    assert lines[2:] == [
        "| fast | int8 | a | 1.0 | 1.5 |",
        "| slow | int8 | a | 2.0 |  |",
        "",
        "- broken int8 on a: not installed: broken",
    ]


def test_a_peer_that_is_not_installed_is_a_row_with_a_reason(emulated: None, tmp_path: Path) -> None:
    request = arm.Request(
        peers=("ncnn",),
        precisions=("bf16",),
        weights=Path("unused"),
        calibration=Path(__file__).parents[4] / "lprnet/samples",
        python=Path(sys.executable),
        cache=tmp_path,
    )
    messages: list[str] = []
    (row,) = arm.count_peer(request, "ncnn", [(load_target("rpi4"), "fp32")], messages.append, {})
    assert row.instructions is None
    assert "not installed: ncnn" in str(row.error)
    assert messages == ["counting: ncnn fp32 on cortex-a72"]


def test_the_guest_finds_an_arm_processor(tmp_path: Path) -> None:
    if not any((CACHE / "roots").glob("arm64-*")):
        pytest.skip("no arm64 root yet")
    root = arm.guest_root("msgspec", "0.20.0", load_target("rpi5"), tmp_path)
    cpuinfo = (root.path / "proc/cpuinfo").read_text()
    assert cpuinfo.startswith("processor\t: 0\nFeatures\t: fp asimd")
    assert "asimddp" in cpuinfo and "CPU part\t: 0xd0b\n" in cpuinfo
    assert root.python.is_file()
    assert (root.packages / "numpy").is_dir()
