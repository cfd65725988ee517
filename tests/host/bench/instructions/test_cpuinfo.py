from __future__ import annotations

import pytest

from host.bench.instructions.cpuinfo import cpuinfo
from host.bench.instructions.run import CASES
from host.targets.read import load_target


def test_a_core_names_its_features_and_its_part() -> None:
    text = cpuinfo(load_target("rpi5"))
    assert text.startswith("processor\t: 0\nFeatures\t: fp asimd")
    assert "asimddp" in text and "CPU part\t: 0xd0b\n" in text
    assert "asimddp" not in cpuinfo(load_target("rpi4"))


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_every_board_that_is_counted_on_has_a_part(name: str) -> None:
    assert "CPU implementer\t: 0x41\n" in cpuinfo(load_target(name))
