from __future__ import annotations

import pytest

from device_runtime.errors import FatalError
from host.kernels.select import microkernel_for
from host.precision import PRECISIONS
from host.targets.read import list_targets, load_target


@pytest.mark.parametrize("name", [name for name in list_targets() if name != "native"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_target_has_kernels_of_what_its_processor_computes_in(name: str, precision: str) -> None:
    target = load_target(name)
    if PRECISIONS[precision].runs_on(target.arch, target.cpu_features):
        assert microkernel_for(target, precision).name.startswith(precision)
    else:
        with pytest.raises(FatalError, match="has no kernels"):
            microkernel_for(target, precision)


def test_every_processor_computes_in_fp32_and_int8() -> None:
    for precision in ("fp32", "int8"):
        assert PRECISIONS[precision].runs_on("riscv64", ())
