"""The machine at hand as a target."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device_runtime.errors import FatalError
from host.targets.features import LLVM_NAMES, cpu_implies, llvm_cpus, system_cpu
from host.targets.profile import ZIG_TRIPLES, Link, Llvm, Recipe, Target


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the kernel and the C library say of a machine.

    Attributes:
        cpuinfo: the text of `/proc/cpuinfo`.
        ram_mb: memory in MiB.
    """

    arch: str
    cpuinfo: str
    cores: int
    ram_mb: int
    glibc: str

    @staticmethod
    def here() -> Machine:
        """The machine at hand."""
        return Machine(
            arch=platform.machine(),
            cpuinfo=Path("/proc/cpuinfo").read_text(),
            cores=len(os.sched_getaffinity(0)),
            ram_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
            glibc=os.confstr("CS_GNU_LIBC_VERSION").split()[-1],  # type: ignore[union-attr]
        )

    @property
    def model(self) -> str | None:
        """The CPU's name as its maker writes it; None where the kernel does not say."""
        line = re.search(r"^model name\s*:\s*(.+)$", self.cpuinfo, re.MULTILINE)
        return line[1] if line else None

    def features(self) -> tuple[str, ...]:
        """The features in `LLVM_NAMES` that this machine has, in that table's order."""
        line = re.search(r"^(?:flags|Features)\s*:(.*)$", self.cpuinfo, re.MULTILINE)
        has = set(line[1].split()) if line else set()
        return tuple(name for name in LLVM_NAMES[self.arch] if name in has)


def runs_here(target: Target) -> bool:
    """Whether this machine has all that *target*'s code needs."""
    return obstacle(target) is None


def obstacle(target: Target) -> str | None:
    """Why *target*'s code does not run here, such as `is x86_64` or `lacks asimddp`; None if it does."""
    machine = Machine.here()
    if target.arch != machine.arch:
        return f"is {machine.arch}"
    missing = set(target.cpu_features) - set(machine.features())
    return f"lacks {', '.join(sorted(missing))}" if missing else None


def native_isa(machine: Machine) -> str:
    """The widest instruction family with int8 kernels that *machine* has."""
    features = machine.features()
    if machine.arch == "aarch64":
        return "neon-dotprod" if "asimddp" in features else "neon"
    if {"avx512_vnni", "avx512vl", "avx512bw"} <= set(features):
        return "avx512vnni"
    if "avx_vnni" in features:
        return "avxvnni"
    return "avx2" if {"avx2", "fma"} <= set(features) else "generic"


def detect(profile: Mapping[str, Any], machine: Machine, llvm_cpu: str | None = None) -> Target:
    """Complete the `native` profile with what *machine* has.

    Args:
        profile: its checked keys.
        llvm_cpu: what LLVM takes the CPU for; None to ask it about the machine at hand.

    Raises:
        FatalError: an architecture that TVM has no compiler package for.
    """
    if machine.arch not in ("x86_64", "aarch64"):
        raise FatalError("target native", f"this machine is {machine.arch}", "build on x86_64 or aarch64")
    baseline = {"x86_64": "x86-64", "aarch64": "generic"}[machine.arch]
    cpu = llvm_cpu or system_cpu()
    if cpu not in llvm_cpus(machine.arch):
        cpu = baseline
    isa = native_isa(machine)
    uses = (profile.get(f"tuning.{name}") for name in (cpu, isa))
    # Without vector instructions for int8, `tiny` took 3.6 ms, and 2.4 in floats.
    precision = "fp32" if isa == "generic" else profile["recipe.precision"]
    return Target(
        name="native",
        display_name=f"{profile['display_name']} ({machine.model or cpu})",
        vendor_url="",
        arch=machine.arch,
        isa=isa,
        cpu_features=machine.features(),
        cores=machine.cores,
        ram_mb=machine.ram_mb,
        glibc=machine.glibc,
        llvm=Llvm(mtriple=f"{machine.arch}-linux-gnu", mcpu=cpu, mattr=_attributes(machine, cpu)),
        link=Link(profile["link.prefer"], ZIG_TRIPLES[machine.arch]),
        recipe=Recipe(precision, profile["recipe.pruning"]),
        tuning_uses=tuple(name for name in uses if name),
    )


def _attributes(machine: Machine, cpu: str) -> tuple[str, ...]:
    """`Llvm.mattr` of *machine*, which LLVM takes for *cpu*.

    LLVM goes by family and model; a hypervisor may hide or add features, so each is said outright.
    `prefer-256-bit` concerns what LLVM vectorizes by itself: kept where 512-bit code lowers the clock
    (AVX-512 before VNNI), off where it does not.
    """
    features, names = machine.features(), LLVM_NAMES[machine.arch]
    implied = cpu_implies(machine.arch, cpu)
    wanted = {names[f] for f in features}
    attributes = [f"+{f}" for f in dict.fromkeys(names[f] for f in features)]
    attributes += [f"-{f}" for f in dict.fromkeys(names.values()) if f in implied - wanted]
    if "avx512f" in features:
        attributes.append("-prefer-256-bit" if "avx512_vnni" in features else "+prefer-256-bit")
    return tuple(attributes)
