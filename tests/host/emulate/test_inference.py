from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.build import Request, build
from host.emulate.inference import LOCATOR_PARTS, count_bundle, count_inference, count_locator
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
        count_bundle(BUILD, load_target("visionfive2"))


@pytest.mark.slow
def test_a_locator_computes_on_an_emulated_board_what_the_host_does(rpi4: Target, tmp_path: Path) -> None:
    """In floats, which need no calibration: `count_locator` checks the golden maps there."""
    bundle = build(Request(target=rpi4, output=tmp_path / "rpi4", precision="fp32"))
    counts = count_locator(bundle, rpi4)
    assert tuple(counts) == LOCATOR_PARTS
    assert 1e6 < counts["refine"].total < counts["find"].total
