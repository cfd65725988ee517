"""Which target to build for a board."""

from __future__ import annotations

import re

from device_runtime.board.cpu import Cpu


def suggest_target(cpu: Cpu, model: str | None) -> str:
    """Which of the project's targets to build for this machine."""
    for pattern, target in _BOARDS:
        if model and re.search(pattern, model, re.IGNORECASE):
            # A 32-bit system on a 64-bit board runs armv7l bundles only.
            return "rpi2" if cpu.arch == "armv7l" else target
    for arch, needs, target in _FALLBACKS:
        if cpu.arch == arch and needs <= cpu.features:
            return target
    return "native"


_BOARDS = (
    (r"Raspberry Pi Zero 2", "rpi-zero2w"),
    (r"Raspberry Pi (Compute Module )?2", "rpi2"),
    (r"Raspberry Pi (Compute Module )?3", "rpi3"),
    (r"Raspberry Pi (Compute Module )?4", "rpi4"),
    (r"Raspberry Pi (Compute Module )?5", "rpi5"),
    (r"Orin", "orin-nano"),
    (r"Jetson Nano", "jetson-nano"),
    (r"RK3588|Rock 5|Orange Pi 5", "rk3588"),
    (r"i\.?MX ?8M ?P", "imx8mp"),
    (r"VisionFive 2|JH7110", "visionfive2"),
)

_FALLBACKS: tuple[tuple[str, frozenset[str], str], ...] = (
    ("x86_64", frozenset(("avx512_vnni", "avx512vl", "avx512bw")), "x86-64-vnni"),
    ("x86_64", frozenset(("avx2", "fma", "bmi2")), "x86-64-v3"),
    ("aarch64", frozenset(("asimddp", "atomics", "aes")), "rpi5"),
    ("aarch64", frozenset(("crc32",)), "rpi3"),
    ("armv7l", frozenset(("neon", "vfpv4", "idiva")), "rpi2"),
    ("riscv64", frozenset(), "visionfive2"),
)
