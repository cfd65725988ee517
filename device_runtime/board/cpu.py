"""What processor this is, and which instructions it and the kernel offer."""

from __future__ import annotations

import ctypes
import platform
import re
import string
import struct
from dataclasses import dataclass
from pathlib import Path

_ARM64 = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt fcma lrcpc dcpop "
    "sha3 sm3 sm4 asimddp sha512 sve asimdfhm dit uscat ilrcpc flagm ssbs sb paca pacg"
)
_ARM64_2 = (
    "dcpodp sve2 sveaes svepmull svebitperm svesha3 svesm4 flagm2 frint svei8mm svef32mm svef64mm svebf16 "
    "i8mm bf16 dgh rng bti mte"
)
_ARM = (
    "swp half thumb 26bit fastmult fpa vfp edsp java iwmmxt crunch thumbee neon vfpv3 vfpv3d16 tls vfpv4 "
    "idiva idivt vfpd32 lpae evtstrm"
)
_RISCV = " ".join(string.ascii_lowercase)
_HWCAP_BITS = {
    "aarch64": (_ARM64, _ARM64_2),
    "armv7l": (_ARM, "aes pmull sha1 sha2 crc32"),
    "riscv64": (_RISCV, ""),
}
"""Names of the bits of AT_HWCAP and AT_HWCAP2, lowest first.

The kernel's arch/*/include/uapi/asm/hwcap.h numbers them, and /proc/cpuinfo spells them so.
"""
_AT_HWCAP, _AT_HWCAP2 = 16, 26


@dataclass(frozen=True)
class Cpu:
    """A processor.

    Attributes:
        arch: as in a manifest's target.
        name: what it calls itself, or None.
        features: as in /proc/cpuinfo.
    """

    arch: str
    name: str | None
    features: frozenset[str]


def detect() -> Cpu:
    """The processor this process runs on.

    On ARM and RISC-V the features come from the auxiliary vector: it is what the kernel lets this
    process use, also where /proc/cpuinfo tells of another machine, as under user-mode emulation.
    """
    arch = process_arch(platform.machine(), struct.calcsize("P"))
    try:
        text = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        text = ""
    found = parse_cpuinfo(text, arch)
    features = hwcap_features(arch, *_hwcaps()) if arch in _HWCAP_BITS else frozenset()
    return Cpu(arch, found.name, features or found.features)


def process_arch(machine: str, pointer_bytes: int) -> str:
    """The architecture of this process: a 32-bit system may run under a 64-bit kernel."""
    machine = {"amd64": "x86_64", "arm64": "aarch64", "armv8l": "armv7l"}.get(
        machine.lower(), machine.lower()
    )
    if pointer_bytes == 4:
        return {"aarch64": "armv7l", "x86_64": "i686"}.get(machine, machine)
    return machine


def parse_cpuinfo(text: str, arch: str) -> Cpu:
    """Name and features of the first processor in the text of /proc/cpuinfo."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip().lower(), value.strip())
    if arch == "riscv64":
        features = _isa_extensions(fields.get("isa", ""))
    else:
        features = frozenset(fields.get("flags", fields.get("features", "")).split())
    part = _ARM_PARTS.get((fields.get("cpu implementer", ""), fields.get("cpu part", "")))
    name = part or fields.get("model name") or fields.get("uarch")
    return Cpu(arch, name or None, features)


def hwcap_features(arch: str, hwcap: int, hwcap2: int) -> frozenset[str]:
    """Features named by the bits of AT_HWCAP and AT_HWCAP2."""
    first, second = _HWCAP_BITS[arch]
    named = [name for bit, name in enumerate(first.split()) if hwcap >> bit & 1]
    return frozenset(named + [name for bit, name in enumerate(second.split()) if hwcap2 >> bit & 1])


def _hwcaps() -> tuple[int, int]:
    try:
        getauxval = ctypes.CDLL(None).getauxval
    except (OSError, AttributeError):
        return 0, 0
    getauxval.restype = ctypes.c_ulong
    getauxval.argtypes = (ctypes.c_ulong,)
    return getauxval(_AT_HWCAP), getauxval(_AT_HWCAP2)


def _isa_extensions(isa: str) -> frozenset[str]:
    """`rv64imafdc_zicsr` names single letters and, after underscores, longer extensions."""
    found = re.match(r"rv\d+([a-z]*)((?:_[a-z0-9]+)*)", isa.lower())
    if found is None:
        return frozenset()
    letters = found[1].replace("g", "imafd")
    return frozenset([*letters, *filter(None, found[2].split("_"))])


_ARM_PARTS = {
    ("0x41", "0xc07"): "Cortex-A7",
    ("0x41", "0xd03"): "Cortex-A53",
    ("0x41", "0xd04"): "Cortex-A35",
    ("0x41", "0xd05"): "Cortex-A55",
    ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd09"): "Cortex-A73",
    ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd0c"): "Neoverse-N1",
    ("0x41", "0xd42"): "Cortex-A78AE",
}
"""Part numbers of Arm Ltd. (0x41), from the kernel's arch/arm64/include/asm/cputype.h."""
