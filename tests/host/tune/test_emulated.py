from __future__ import annotations

import pytest

from device_runtime.errors import FatalError
from host.emulate.count import qemu_with_plugins
from host.kernels.registry import FLOAT32
from host.kernels.shape import Tile
from host.lower.workload import Workload
from host.targets.profile import Target
from host.targets.read import load_target
from host.tune.emulated import EmulatedRunner
from tests.workloads import NEON, conv_shape


def test_metric_is_the_same_whatever_part_is_counted(rpi4: Target) -> None:
    runner, workload = EmulatedRunner(rpi4), Workload(conv_shape(height=8), NEON)
    tiles = [Tile(4, 2), Tile(1, 1)]
    rough, exact = (runner.measure(workload, tiles, rung) for rung in (0, 2))
    assert runner.unit == "cycles"
    assert rough == pytest.approx(exact, rel=0.15)
    assert exact[0] < exact[1] / 1.2


def test_every_multiply_is_counted(rpi4: Target) -> None:
    workload = Workload(conv_shape(), NEON)
    (counts,) = EmulatedRunner(rpi4).counts(workload, [Tile(5, 4)])
    assert counts.instructions["fma"] == 3 * 3 * 16 * 32 * 4 * 10 // 4


@pytest.mark.parametrize("name, microkernel", [("rpi2", "neon32"), ("visionfive2", "scalar")])
def test_other_architectures_count_instructions(name: str, microkernel: str) -> None:
    target = load_target(name)
    try:
        qemu_with_plugins(target)
        runner = EmulatedRunner(target)
    except FatalError as error:
        pytest.skip(str(error))
    workload = Workload(conv_shape(height=2), FLOAT32[microkernel])
    small, large = runner.measure(workload, [Tile(1, 1), Tile(4, 2)], 2)
    assert runner.unit == "instructions"
    assert large < small
