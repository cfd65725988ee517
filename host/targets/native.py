"""The machine at hand, as detected."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device_runtime.errors import FatalError
from host.targets.features import LLVM_NAMES, llvm_cpus
from host.targets.profile import ZIG_TRIPLES, Link, Llvm, Recipe, Target, reach_of


@dataclass(frozen=True)
class Machine:
    """What detection needs to know of the machine at hand; `cpuinfo` is the text of `/proc/cpuinfo`."""

    arch: str
    cpuinfo: str
    llvm_cpu: str
    cores: int
    ram_mb: int
    glibc: str

    @staticmethod
    def here() -> Machine:
        from tvm.target import codegen

        return Machine(
            arch=platform.machine(),
            cpuinfo=Path("/proc/cpuinfo").read_text(),
            llvm_cpu=str(codegen.llvm_get_system_cpu()),
            cores=len(os.sched_getaffinity(0)),
            ram_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
            glibc=os.confstr("CS_GNU_LIBC_VERSION").split()[-1],  # type: ignore[union-attr]
        )

    def features(self) -> tuple[str, ...]:
        """The features in `LLVM_NAMES` that this machine has, in that table's order."""
        line = re.search(r"^(?:flags|Features)\s*:(.*)$", self.cpuinfo, re.MULTILINE)
        has = set(line[1].split()) if line else set()
        return tuple(name for name in LLVM_NAMES[self.arch] if name in has)


def _native_isa(arch: str, features: tuple[str, ...]) -> str:
    if arch == "aarch64":
        return "neon-dotprod" if "asimddp" in features else "neon"
    if {"avx512_vnni", "avx512vl", "avx512bw"} <= set(features):
        return "avx512vnni"
    if "avx_vnni" in features:
        return "avxvnni"
    return "avx2" if {"avx2", "fma"} <= set(features) else "generic"


def _native_attributes(machine: Machine, features: tuple[str, ...], cpu: str) -> tuple[str, ...]:
    """LLVM goes by family and model; a hypervisor may hide or add features, so each is said outright.

    `prefer-256-bit` concerns what LLVM vectorizes by itself: kept where 512-bit code lowers the clock
    (AVX-512 before VNNI), off where it does not."""
    import tvm
    from tvm.target import codegen

    names = LLVM_NAMES[machine.arch]
    known = tvm.target.Target({"kind": "llvm", "mtriple": f"{machine.arch}-linux-gnu", "mcpu": cpu})
    implied = {str(f) for f in codegen.llvm_get_cpu_features(known)}
    wanted = {names[f] for f in features}
    attributes = [f"+{f}" for f in dict.fromkeys(names[f] for f in features)]
    attributes += [f"-{f}" for f in dict.fromkeys(names.values()) if f in implied - wanted]
    if "avx512f" in features:
        attributes.append("-prefer-256-bit" if "avx512_vnni" in features else "+prefer-256-bit")
    return tuple(attributes)


def detect(profile: Mapping[str, Any], machine: Machine) -> Target:
    """Complete the `native` profile with what *machine* has.

    Raises `FatalError` on an architecture TVM has no compiler package for.
    """
    if machine.arch not in ("x86_64", "aarch64"):
        raise FatalError("target native", f"this machine is {machine.arch}", "build on x86_64 or aarch64")
    cpus = llvm_cpus(machine.arch)
    baseline = {"x86_64": "x86-64", "aarch64": "generic"}[machine.arch]
    cpu = machine.llvm_cpu if machine.llvm_cpu in cpus else baseline
    features = machine.features()
    model = re.search(r"^model name\s*:\s*(.+)$", machine.cpuinfo, re.MULTILINE)
    return Target(
        name="native",
        display_name=f"{profile['display_name']} ({model[1] if model else cpu})",
        vendor_url="",
        arch=machine.arch,
        isa=_native_isa(machine.arch, features),
        cpu_features=features,
        cores=machine.cores,
        ram_mb=machine.ram_mb,
        glibc=machine.glibc,
        llvm=Llvm(f"{machine.arch}-linux-gnu", cpu, _native_attributes(machine, features, cpu)),
        link=Link(profile["link.prefer"], ZIG_TRIPLES[machine.arch]),
        recipe=Recipe(profile["recipe.precision"], profile["recipe.pruning"]),
        reach=reach_of(profile),
    )


def runs_here(target: Target) -> bool:
    """Whether this machine has all that *target*'s code needs."""
    machine = Machine.here()
    return target.arch == machine.arch and set(target.cpu_features) <= set(machine.features())
