from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.board import suggest
from device_runtime.board.cpu import Cpu
from device_runtime.board.suggest import ADVICE, Advice, KnownTarget, suggest_target
from device_runtime.errors import FatalError
from host.targets.boards import advice
from host.targets.read import load_target

KNOWN = advice()
PI_32_BIT = "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm crc32"
HASWELL = "fpu pni ssse3 sse4_1 sse4_2 popcnt abm bmi1 bmi2 movbe avx f16c fma avx2"
CASCADE_LAKE = f"{HASWELL} avx512f avx512dq avx512cd avx512bw avx512vl avx512_vnni"


def cpu(arch: str, features: str = "") -> Cpu:
    return Cpu(arch, None, frozenset(features.split()))


@pytest.mark.parametrize(
    ("model", "target"),
    [
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "rpi3"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "rpi-zero2w"),
        ("Raspberry Pi 5 Model B Rev 1.0", "rpi5"),
        ("Raspberry Pi 400 Rev 1.0", "rpi4"),
        ("Raspberry Pi Compute Module 4 Rev 1.0", "rpi4"),
        ("NVIDIA Jetson Nano Developer Kit", "jetson-nano"),
        ("NVIDIA Jetson Orin Nano Developer Kit", "orin-nano"),
        ("NXP i.MX8MPlus EVK board", "imx8mp"),
        ("NXP i.MX 8M Plus", "imx8mp"),
        ("Radxa ROCK 5B", "rk3588"),
        ("Orange Pi 5 Plus", "rk3588"),
    ],
)
def test_a_board_is_known_by_its_name(model: str, target: str) -> None:
    assert suggest_target(cpu("aarch64"), model, KNOWN) == target
    # A 32-bit system on a 64-bit board runs armv7l bundles only.
    assert suggest_target(cpu("armv7l", PI_32_BIT), model, KNOWN) == "rpi2"


def test_boards_of_other_architectures_are_known_by_name() -> None:
    assert suggest_target(cpu("riscv64"), "StarFive VisionFive 2 v1.3B", KNOWN) == "visionfive2"
    assert suggest_target(cpu("armv7l"), "Raspberry Pi 2 Model B Rev 1.1", KNOWN) == "rpi2"
    # The later Pi 2 has the processor of a Pi 3, and its 64-bit system cannot run rpi2.
    assert suggest_target(cpu("aarch64", "fp asimd crc32"), "Raspberry Pi 2 Model B Rev 1.2", KNOWN) == "rpi3"


@pytest.mark.parametrize(
    ("arch", "features", "target"),
    [
        ("x86_64", CASCADE_LAKE, "x86-64-vnni"),
        ("x86_64", HASWELL, "x86-64-v3"),
        ("x86_64", "", "native"),
        ("aarch64", "fp asimd evtstrm crc32 cpuid", "rpi3"),
        ("aarch64", "fp asimd aes sha2 crc32 atomics fphp asimdhp asimdrdm lrcpc asimddp", "rpi5"),
        ("armv7l", PI_32_BIT, "rpi2"),
        ("armv7l", "half thumb vfp edsp", "native"),
        ("riscv64", "i m a f d c zicntr zba", "visionfive2"),
        ("mips", "", "native"),
    ],
)
def test_an_unknown_board_gets_the_best_that_its_processor_runs(
    arch: str, features: str, target: str
) -> None:
    assert suggest_target(cpu(arch, features), "QEMU Standard PC", KNOWN) == target
    assert suggest_target(cpu(arch, features), None, KNOWN) == target
    if target != "native":
        assert set(load_target(target).cpu_features) <= set(features.split())


def test_the_longest_name_wins() -> None:
    def target(name: str, *match: str) -> KnownTarget:
        return KnownTarget(name=name, arch="aarch64", cpu_features=(), match=match, fallback=False)

    known = Advice(targets=(target("a", "Board"), target("b", "Board Pro", "x"), target("c", "oard")))
    assert suggest_target(cpu("aarch64"), "ACME board-pro 2", known) == "b"
    assert suggest_target(cpu("aarch64"), "ACME Board", known) == "a"


def test_a_package_reads_what_it_came_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggest, "FILE", tmp_path / "boards.json")
    assert suggest_target(cpu("aarch64"), "Raspberry Pi 4") == "native"
    ADVICE.write(tmp_path / "boards.json", KNOWN)
    assert suggest_target(cpu("aarch64"), "Raspberry Pi 4") == "rpi4"
    (tmp_path / "boards.json").write_text("{}")
    with pytest.raises(FatalError, match=r"boards\.json: is not a list of boards"):
        suggest_target(cpu("aarch64"), "Raspberry Pi 4")
