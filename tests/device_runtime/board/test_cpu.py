from __future__ import annotations

import platform
from pathlib import Path

import pytest
import tomllib

from device_runtime.board.cpu import Cpu, detect, hwcap_features, parse_cpuinfo, process_arch

PI4 = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

processor\t: 1
CPU part\t: 0xd0b
"""
XEON = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Gold
flags\t\t: fpu sse4_2 avx2 fma bmi2 avx512f avx512vl avx512bw avx512_vnni
"""
VISIONFIVE = (
    "processor\t: 0\nhart\t\t: 1\nisa\t\t: rv64imafdc_zicntr_zba\nmmu\t\t: sv39\nuarch\t\t: sifive,u74-mc\n"
)
PI2 = "processor\t: 0\nmodel name\t: ARMv7 Processor rev 5 (v7l)\nFeatures\t: half neon vfpv4 idiva idivt\n"


def test_cpuinfo() -> None:
    assert parse_cpuinfo(PI4, "aarch64") == Cpu(
        "aarch64", "Cortex-A72", frozenset(("fp", "asimd", "evtstrm", "crc32", "cpuid"))
    )
    assert parse_cpuinfo(XEON, "x86_64").name == "Intel(R) Xeon(R) Gold"
    assert {"avx2", "avx512_vnni"} <= parse_cpuinfo(XEON, "x86_64").features
    board = parse_cpuinfo(VISIONFIVE, "riscv64")
    assert board.features == frozenset("imafdc") | {"zicntr", "zba"}
    assert board.name == "sifive,u74-mc"
    assert parse_cpuinfo("isa : rv64gc\n", "riscv64").features == frozenset("imafdc")
    assert parse_cpuinfo(PI2, "armv7l").name == "ARMv7 Processor rev 5 (v7l)"


@pytest.mark.parametrize("text", ["", "\n\n", "nonsense", ":::", "isa : mips\n", "flags\n"])
def test_cpuinfo_that_says_nothing(text: str) -> None:
    for arch in ("x86_64", "aarch64", "armv7l", "riscv64"):
        assert parse_cpuinfo(text, arch) == Cpu(arch, None, frozenset())


def test_hardware_capabilities() -> None:
    assert hwcap_features("aarch64", 0b10 | 1 << 20, 1 << 13) == {"asimd", "asimddp", "i8mm"}
    assert hwcap_features("armv7l", 1 << 12 | 1 << 16, 1 << 4) == {"neon", "vfpv4", "crc32"}
    assert hwcap_features("riscv64", 1 | 1 << 8, 0) == {"a", "i"}


def test_every_feature_a_target_needs_has_a_name() -> None:
    for path in (Path(__file__).parents[3] / "targets").glob("*.toml"):
        profile = tomllib.loads(path.read_text())
        if profile.get("arch") in ("aarch64", "armv7l", "riscv64"):
            known = hwcap_features(profile["arch"], (1 << 32) - 1, (1 << 32) - 1)
            assert set(profile["cpu_features"]) <= known, path.name


def test_a_process_may_be_smaller_than_its_kernel() -> None:
    assert process_arch("aarch64", 4) == "armv7l"
    assert process_arch("armv8l", 4) == "armv7l"
    assert process_arch("x86_64", 4) == "i686"
    assert process_arch("AMD64", 8) == "x86_64"
    assert process_arch("riscv64", 8) == "riscv64"


def test_this_machine() -> None:
    found = detect()
    assert found.arch == process_arch(platform.machine(), 8)
    assert found.features
