"""Which microkernel a target gets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device_runtime.errors import FatalError
from host.kernels.registry import BFLOAT16
from host.kernels.select import microkernel_for
from host.targets.read import load_target


def test_fp16_is_for_cpus_that_compute_in_it() -> None:
    assert microkernel_for(load_target("rpi5"), "fp16").name == "fp16-neon"
    for name in ("rpi4", "rpi2", "x86-64-vnni"):
        with pytest.raises(FatalError, match="precision fp16: has no kernels for"):
            microkernel_for(load_target(name), "fp16")


def test_bf16_is_for_cpus_that_have_its_instructions() -> None:
    vnni = load_target("x86-64-vnni")
    zen4 = replace(vnni, cpu_features=(*vnni.cpu_features, "avx512_bf16"))
    assert microkernel_for(zen4, "bf16") is BFLOAT16
    for name in ("x86-64-vnni", "rpi5"):
        with pytest.raises(FatalError, match="precision bf16: has no kernels for"):
            microkernel_for(load_target(name), "bf16")


@pytest.mark.parametrize(
    "target, fp32, int8",
    [
        ("rpi4", "fp32-neon", "int8-neon"),
        ("rpi5", "fp32-neon", "int8-neon-dotprod"),
        ("rpi2", "fp32-neon32", "int8-neon32"),
        ("visionfive2", "fp32-scalar", "int8-scalar"),
        ("x86-64-v3", "fp32-avx2", "int8-avx2"),
        ("zen4", "fp32-avx512", "int8-avx512vnni"),
    ],
)
def test_targets_get_the_widest_instructions_of_all_their_cpus(target: str, fp32: str, int8: str) -> None:
    assert microkernel_for(load_target(target), "fp32").name == fp32
    assert microkernel_for(load_target(target), "int8").name == int8
