"""Instructions per inference on emulated ARM boards."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from device_runtime.errors import FatalError
from host.bench.instructions.run import InstructionRequest, count_peer
from host.cli import main
from host.compile.link import linker_for
from host.emulate.count import qemu_with_plugins
from host.paths import SAMPLES
from host.targets.read import load_target

BARS = {("cortex-a72", "fp32"): 45e6, ("cortex-a72", "int8"): 38e6, ("cortex-a76", "int8"): 13e6}
"""Most instructions an inference may take, in the best peers' light."""
FLOORS = {("cortex-a72", "fp32"): 26e6, ("cortex-a72", "int8"): 23e6, ("cortex-a76", "int8"): 9e6}
"""What its multiplications alone take, in fp32 with as few as Winograd's F(6, 3) needs."""


@pytest.fixture
def emulated() -> None:
    try:
        for name in ("rpi4", "rpi5"):
            qemu_with_plugins(load_target(name))
            linker_for(load_target(name))
    except FatalError as error:
        pytest.skip(str(error))


@pytest.mark.slow
def test_inferences_are_counted(emulated: None, tmp_path: Path) -> None:
    """Through `lpr-host count`, on the shipped checkpoint."""
    result = CliRunner().invoke(main, ["count", "--peers", "none", "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    bench = json.loads((tmp_path / "count.json").read_text())
    rows = {(row["cpu"], row["precision"]): row for row in bench["rows"]}
    assert set(rows) >= set(BARS)
    for case, bar in BARS.items():
        assert FLOORS[case] < rows[case]["instructions"] <= bar, case
    assert rows["cortex-a76", "fp16"]["instructions"] < 0.6 * rows["cortex-a76", "fp32"]["instructions"]
    assert rows["cortex-a72", "int8"]["cycles"] < rows["cortex-a72", "fp32"]["cycles"]
    assert "| lpr-edge | int8 | cortex-a76 |" in result.stdout


def test_a_peer_that_is_not_installed_is_a_row_with_a_reason(
    emulated: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    request = InstructionRequest(
        peers=("ncnn",),
        precisions=("bf16",),
        weights=Path("unused"),
        calibration=SAMPLES,
        python=Path(sys.executable),
        cache=tmp_path,
    )
    with caplog.at_level(logging.INFO, logger="host.bench"):
        (row,) = count_peer(request, "ncnn", [(load_target("rpi4"), "fp32")], {})
    assert row.instructions is None
    assert "not installed: ncnn" in str(row.error)
    assert caplog.messages == ["counting: ncnn fp32 on cortex-a72"]
