from __future__ import annotations

import pytest

from device_runtime.errors import FatalError
from host.emulate.inference import count_bundle, count_inference
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
