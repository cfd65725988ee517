"""Target profiles out of `targets/*.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomllib

from device_runtime.errors import FatalError
from host.paths import TARGETS
from host.precision import PRECISIONS
from host.targets.features import LLVM_NAMES, llvm_cpus
from host.targets.native import Machine, detect, native_isa
from host.targets.profile import (
    ARCHITECTURES,
    BAUD_RATES,
    INSTRUCTION_FAMILIES,
    ZIG_TRIPLES,
    BoardNames,
    Link,
    Llvm,
    Reach,
    Recipe,
    Summary,
    Target,
)
from host.targets.schema import Key, check, flatten, integer, list_of, one_of, text, texts
from lprnet.weights import PRUNINGS

_COMMON_KEYS = {
    "display_name": text(r"\S.*", "a non-empty string"),
    "recipe.precision": one_of(PRECISIONS),
    "recipe.pruning": one_of(PRUNINGS),
    "link.prefer": text(r"[\w.+-]+", "the name of a compiler driver such as aarch64-linux-gnu-g++"),
}
_ARCH = one_of(ARCHITECTURES)
_ANY_CPU = text(r"[\w.+-]+", "a CPU as LLVM names it")


def list_targets(directory: Path = TARGETS) -> list[str]:
    """Names of the shipped profiles, `native` first."""
    return sorted((path.stem for path in directory.glob("*.toml")), key=lambda name: (name != "native", name))


def load_target(name_or_path: str | Path, directory: Path = TARGETS) -> Target:
    """The profile of that name in *directory*, or the one in the `.toml` file given.

    Raises:
        FatalError: there is no such target, or its profile is wrong.
    """
    if str(name_or_path).endswith(".toml"):
        return read_target(Path(name_or_path))
    names = list_targets(directory)
    if str(name_or_path) not in names:
        raise FatalError(
            f"target {str(name_or_path)!r}",
            "no such target",
            f"choose from {', '.join(names)} or a .toml",
        )
    return read_target(directory / f"{name_or_path}.toml")


def read_target(path: Path) -> Target:
    """Read and check one profile.

    Raises:
        FatalError: the file cannot be read, or a key is wrong: file, key, value and what is accepted.
    """
    values = _read(path)
    if "detected" in values:
        check(path, values, _native_keys(values))
        return detect(values, Machine.here())
    arch = _arch(path, values)
    check(path, values, _described_keys(arch, one_of(llvm_cpus(arch))))
    return _target(path.stem, values)


def summarize(directory: Path = TARGETS) -> list[Summary]:
    """What a list shows of the profiles in *directory*, checked but for LLVM's names of CPUs: quick.

    Raises:
        FatalError: as `read_target`.
    """
    return [_summary(directory / f"{name}.toml") for name in list_targets(directory)]


def _summary(path: Path) -> Summary:
    values = _read(path)
    if "detected" in values:
        check(path, values, _native_keys(values))
        machine = Machine.here()
        found = {
            "arch": machine.arch,
            "llvm.mcpu": "detected",
            "isa": native_isa(machine),
            "cores": machine.cores,
            "ram_mb": machine.ram_mb,
            "glibc": machine.glibc,
        }
        values |= found
    else:
        check(path, values, _described_keys(_arch(path, values), _ANY_CPU))
    return Summary(
        name=path.stem,
        display_name=values["display_name"],
        arch=values["arch"],
        cpu=values["llvm.mcpu"],
        isa=values["isa"],
        cores=values["cores"],
        ram_mb=values["ram_mb"],
        glibc=values["glibc"],
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return flatten(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise FatalError(str(path), error.strerror or "cannot be read", "check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FatalError(str(path), f"not valid TOML: {error}", "correct the file") from error


def _arch(path: Path, values: Mapping[str, Any]) -> str:
    check(path, {k: v for k, v in values.items() if k == "arch"}, {"arch": _ARCH})
    return str(values["arch"])


def _native_keys(values: Mapping[str, Any]) -> dict[str, Key]:
    """All keys of the profile with *values* that is completed by detection; `tuning` has any CPU's name."""
    records = one_of(list_targets(), required=False)
    tuning = {key: records for key in values if key.startswith("tuning.")}
    return _COMMON_KEYS | {"detected": one_of([True])} | tuning


def _described_keys(arch: str, cpu: Key) -> dict[str, Key]:
    """All keys of a profile for *arch*; *cpu* are those that may be compiled for."""
    tuning = ("prefer-128-bit", "prefer-256-bit") if arch == "x86_64" else ()
    triple = "armv7l-linux-gnueabihf" if arch == "armv7l" else f"{arch}-linux-gnu"
    return _COMMON_KEYS | {
        "vendor_url": text(r"https://\S+", "an https:// address"),
        "arch": _ARCH,
        "isa": one_of(INSTRUCTION_FAMILIES[arch]),
        "cpu_features": list_of(LLVM_NAMES[arch]),
        "cores": integer(1, 1024),
        "ram_mb": integer(64, 1 << 24),
        "glibc": text(r"2\.\d{1,2}", "a glibc version such as 2.31"),
        "llvm.mtriple": one_of([triple]),
        "llvm.mcpu": cpu,
        "llvm.mattr": list_of([*dict.fromkeys(LLVM_NAMES[arch].values()), *tuning], "+-"),
        "llvm.mabi": _only_on("riscv64", arch, "lp64d"),
        "llvm.mfloat_abi": _only_on("armv7l", arch, "hard"),
        "link.fallback": one_of([ZIG_TRIPLES[arch]]),
        "reach.ssh_host": text(r"\S+", "user@host", required=False),
        "reach.serial_port": text(r"/dev/\S+", "a device such as /dev/ttyUSB0", required=False),
        "reach.baud": one_of(BAUD_RATES, required=False),
        "tuning.uses": list_of(list_targets()),
        "board.match": texts('a list of names such as "Raspberry Pi 4"', required=False),
        "board.fallback": one_of([True], required=False),
        "emulate.cpu": text(r"[\w.-]+", "a CPU model of QEMU such as cortex-a72", required=False),
    }


def _only_on(needed_by: str, arch: str, value: str) -> Key:
    return one_of([value] if arch == needed_by else [], required=arch == needed_by)


def _target(name: str, values: Mapping[str, Any]) -> Target:
    """The profile with the checked *values*."""
    return Target(
        name=name,
        display_name=values["display_name"],
        vendor_url=values["vendor_url"],
        arch=values["arch"],
        isa=values["isa"],
        cpu_features=tuple(values["cpu_features"]),
        cores=values["cores"],
        ram_mb=values["ram_mb"],
        glibc=values["glibc"],
        llvm=Llvm(
            mtriple=values["llvm.mtriple"],
            mcpu=values["llvm.mcpu"],
            mattr=tuple(values["llvm.mattr"]),
            mabi=values.get("llvm.mabi"),
            mfloat_abi=values.get("llvm.mfloat_abi"),
        ),
        link=Link(values["link.prefer"], values["link.fallback"]),
        recipe=Recipe(values["recipe.precision"], values["recipe.pruning"]),
        reach=Reach(
            ssh_host=values.get("reach.ssh_host"),
            serial_port=values.get("reach.serial_port"),
            baud=values.get("reach.baud", Reach.baud),
        ),
        tuning_uses=tuple(values["tuning.uses"]),
        board=BoardNames(tuple(values.get("board.match", ())), values.get("board.fallback", False)),
        emulate_cpu=values.get("emulate.cpu"),
    )
