"""What an emulated core would say of itself in /proc/cpuinfo, which runtimes choose their kernels by."""

from __future__ import annotations

from host.targets.profile import Target

_PARTS = {"cortex-a72": "0xd08", "cortex-a76": "0xd0b"}
"""Arm's numbers for its cores (MIDR_EL1.PartNum in their technical reference manuals)."""


def cpuinfo(target: Target) -> str:
    """The file for one core of *target*: an inference runs on one thread."""
    fields = {
        "processor": "0",
        "Features": " ".join(target.cpu_features),
        "CPU implementer": "0x41",
        "CPU architecture": "8",
        "CPU variant": "0x0",
        "CPU part": _PARTS[str(target.emulate_cpu)],
        "CPU revision": "3",
    }
    return "".join(f"{name}\t: {value}\n" for name, value in fields.items())
