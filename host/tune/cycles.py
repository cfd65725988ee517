"""Estimated cycles from counted instructions: the published issue rates of the cores in the target profiles.

An out-of-order core takes as long as its busiest resource: dispatch, the vector pipes, the load pipes, the
store pipe. An in-order core adds up what cannot issue together. Neither overlaps perfectly, so every
instruction and every line missing in the level-one cache has a small price on top. This ranks kernels for one
core; it is not a prediction of milliseconds.

Rates, per cycle and for 128-bit forms:
- Cortex-A57: Software Optimization Guide (Arm UAN 0015B), sections 3.13–3.17. Cortex-A72: the same pipes, its
  guide (Arm UAN 0016A); LLVM schedules A72 by the A57 model.
- Cortex-A76: Software Optimization Guide (Arm PJDOC-466751330-7215), and LLVM's model of Neoverse N1, the
  same pipeline. Cortex-A78AE by the A76 figures; it has one load pipe more.
- Cortex-A53: none is published by Arm; LLVM's model, and ncnn's measurements (docs/developer-guide/
  arm-a53-a55-dual-issue.md: a 128-bit load takes two cycles in which no vector operation issues).
"""

from __future__ import annotations

from dataclasses import dataclass

from host.emulate.count import Counts, DataCache
from host.targets.profile import Target

INSTRUCTION_CYCLES = 0.2
"""Price of an instruction; between none and a dispatch slot of a three-wide core. Assumed."""
MISS_CYCLES = 5
"""Price of a line from the level-two cache; a fraction of its latency, as streams are prefetched. Assumed."""


@dataclass(frozen=True, kw_only=True)
class Core:
    """Rates of one core.

    Attributes:
        data_cache: level-one data cache, from the core's technical reference manual or the chip's data sheet.
        dispatch: instructions per cycle, a pair of registers loaded or stored counting as two.
        pipes: cycles one instruction occupies a vector pipe, by pipe and instruction class; instructions
            that may take either of two pipes occupy each for half.
        load: cycles per 128-bit register or scalar loaded.
        store: cycles per 128-bit register or scalar stored.
        in_order: vector operations and loads do not overlap.
    """

    data_cache: DataCache
    dispatch: float
    pipes: tuple[dict[str, float], ...]
    load: float
    store: float
    in_order: bool = False


_A72_F0 = {
    "fma": 1.0,
    "dot": 0.5,
    "multiply": 2.0,
    "multiply_long": 1.0,
    "pairwise_add": 0.0,
    "vector_other": 0.75,
}
_A72 = Core(
    data_cache=DataCache(32 << 10, 2),
    dispatch=3,
    pipes=(_A72_F0, _A72_F0 | {"multiply": 0.0, "multiply_long": 0.0, "pairwise_add": 1.0}),
    load=1,
    store=2,
)
_A76_V0 = {
    "fma": 0.5,
    "dot": 0.5,
    "multiply": 2.0,
    "multiply_long": 1.0,
    "pairwise_add": 0.0,
    "vector_other": 0.5,
}
_A76 = Core(
    data_cache=DataCache(64 << 10, 4),
    dispatch=4,
    pipes=(_A76_V0, _A76_V0 | {"multiply": 0.0, "multiply_long": 0.0, "pairwise_add": 1.0}),
    load=0.5,
    store=1,
)
_A53 = Core(
    data_cache=DataCache(32 << 10, 4),
    dispatch=2,
    pipes=(dict.fromkeys(_A72_F0, 1.0),),
    load=2,
    store=1,
    in_order=True,
)
CORES = {"cortex-a53": _A53, "cortex-a57": _A72, "cortex-a72": _A72, "cortex-a76": _A76, "cortex-a78ae": _A76}


def core_of(target: Target) -> Core | None:
    """The rates of *target*'s core, by its LLVM name; None where they are not known."""
    return CORES.get(target.llvm.mcpu)


def vector_cycles(counts: Counts, core: Core) -> float:
    """Cycles for which the busiest vector pipe is occupied: what a perfect kernel would take."""
    executed = counts.instructions
    return max(sum(executed[name] * cost for name, cost in pipe.items()) for pipe in core.pipes)


def cycles(counts: Counts, core: Core) -> float:
    """Estimated cycles for what was counted."""
    executed = counts.instructions
    extra = counts.load_registers - executed["vector_loads"]
    extra += counts.store_registers - executed["vector_stores"]
    dispatch = (counts.total + extra) / core.dispatch
    vector = vector_cycles(counts, core)
    load = core.load * (counts.load_registers + executed["loads"])
    store = core.store * (counts.store_registers + executed["stores"])
    busy = max(dispatch, vector + load + store) if core.in_order else max(dispatch, vector, load, store)
    return busy + INSTRUCTION_CYCLES * counts.total + MISS_CYCLES * counts.l1_misses
