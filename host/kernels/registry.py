"""All microkernels, by precision and instructions."""

from __future__ import annotations

from host.kernels.bfloat16 import BFloat16
from host.kernels.float import FLOAT32, INT8_WEIGHTS, Float16ByElement
from host.kernels.int8 import Int8, Plain
from host.kernels.int8_arm import MultiplyLong, NeonDot, NeonLong
from host.kernels.int8_x86 import Avx2, Vnni
from host.network.int8_sums import Int8Sums

__all__ = ["BFLOAT16", "FLOAT16", "FLOAT32", "INT8", "INT8_WEIGHTS"]

FLOAT16 = {"neon": Float16ByElement(name="fp16-neon", lanes=8, channels_per_load=8, registers=32)}
BFLOAT16 = BFloat16(name="bf16-avx512", lanes=16, group=2, channels_per_load=2, registers=32)

EXACT, EXACT_SIGNED = Int8Sums(), Int8Sums(zero_point=-128)
"""Every product goes to 32 bits at once."""
FUSED = Int8Sums(fused=True)

FOUR_IN_16_BITS = Int8Sums(zero_point=-128, products=4, stride=2)
"""Four products of up to 128 · 127 do not fit 16 bits, but four weights are hardly ever that large together:
the limit costs next to no resolution."""
FOUR_APART_IN_16_BITS = Int8Sums(zero_point=-128, products=4, stride=8)
TWO_RUNS_IN_16_BITS = Int8Sums(products=4, stride=4, run=2, fused=True)

INT8: dict[str, Int8] = {
    "avx512vnni": Vnni(
        name="int8-avx512vnni",
        lanes=16,
        group=4,
        channels_per_load=4,
        registers=32,
        int8_sums=FUSED,
        fp32_isa="avx512",
    ),
    "avxvnni": Vnni(
        name="int8-avxvnni",
        lanes=8,
        group=4,
        channels_per_load=4,
        registers=16,
        int8_sums=FUSED,
        fp32_isa="avx2",
    ),
    "avx2": Avx2(
        name="int8-avx2",
        lanes=8,
        group=8,
        channels_per_load=8,
        registers=16,
        int8_sums=TWO_RUNS_IN_16_BITS,
        fp32_isa="avx2",
    ),
    "neon-dotprod": NeonDot(
        name="int8-neon-dotprod",
        activation="int8",
        lanes=4,
        group=4,
        channels_per_load=16,
        registers=32,
        int8_sums=EXACT_SIGNED,
        fp32_isa="neon",
    ),
    "neon": NeonLong(
        name="int8-neon",
        activation="int8",
        lanes=4,
        group=32,
        channels_per_load=32,
        registers=32,
        int8_sums=FOUR_APART_IN_16_BITS,
        fp32_isa="neon",
    ),
    "neon32": MultiplyLong(
        name="int8-neon32",
        activation="int8",
        lanes=4,
        group=8,
        channels_per_load=16,
        registers=16,
        int8_sums=FOUR_IN_16_BITS,
        fp32_isa="neon32",
    ),
    "plain": Plain(
        name="int8-plain",
        lanes=4,
        group=1,
        channels_per_load=1,
        registers=16,
        int8_sums=EXACT,
        fp32_isa="neon32",
    ),
    "scalar": Plain(
        name="int8-scalar",
        lanes=1,
        group=1,
        channels_per_load=1,
        registers=32,
        int8_sums=EXACT,
        fp32_isa="scalar",
    ),
}
