"""Target profiles: what a board is, as data in `targets/*.toml`, and the machine at hand, as detected."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

from device_runtime.errors import FatalError
from host.paths import TARGETS
from host.targets.features import LLVM_NAMES, llvm_cpus
from host.targets.native import Machine, detect
from host.targets.profile import (
    ARCHITECTURES,
    BAUD_RATES,
    INSTRUCTION_FAMILIES,
    PRECISIONS,
    PRUNINGS,
    ZIG_TRIPLES,
    BoardNames,
    Link,
    Llvm,
    Recipe,
    Target,
    reach_of,
)


@dataclass(frozen=True)
class _Key:
    """One accepted TOML key: which values it takes, and those values in words for the error line."""

    accepts: Callable[[Any], bool]
    accepted: str
    required: bool = True


def _text(pattern: str, accepted: str, required: bool = True) -> _Key:
    return _Key(lambda v: isinstance(v, str) and re.fullmatch(pattern, v) is not None, accepted, required)


def _integer(low: int, high: int) -> _Key:
    return _Key(lambda v: type(v) is int and low <= v <= high, f"a whole number from {low} to {high}")


def _one_of(values: Iterable[Any], required: bool = True) -> _Key:
    names = tuple(values)
    return _Key(
        lambda v: any(type(v) is type(n) and v == n for n in names), ", ".join(map(str, names)), required
    )


def _list_of(values: Iterable[str], prefixes: str = "") -> _Key:
    names = tuple(values)
    words = f"a list of {' or '.join(prefixes)} and one of " if prefixes else "a list of "

    def accepts(value: Any) -> bool:
        return isinstance(value, list) and all(
            isinstance(v, str) and (v[:1] in tuple(prefixes) and v[1:] in names if prefixes else v in names)
            for v in value
        )

    return _Key(accepts, words + ", ".join(names))


def _texts(accepted: str, required: bool = True) -> _Key:
    def accepts(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(v, str) and re.search(r"[^\W_]", v) for v in value)

    return _Key(accepts, accepted, required)


def _described_keys(arch: str, detected: bool) -> dict[str, _Key]:
    zig = _one_of([ZIG_TRIPLES[arch]])
    common = {
        "display_name": _text(r"\S.*", "a non-empty string"),
        "recipe.precision": _one_of(PRECISIONS),
        "recipe.pruning": _one_of(PRUNINGS),
        "link.prefer": _text(r"[\w.+-]+", "the name of a compiler driver such as aarch64-linux-gnu-g++"),
        "reach.ssh_host": _text(r"\S+", "user@host", required=False),
        "reach.serial_port": _text(r"/dev/\S+", "a device such as /dev/ttyUSB0", required=False),
        "reach.baud": _one_of(BAUD_RATES, required=False),
    }
    if detected:
        return common | {"detected": _one_of([True])}
    tuning = ("prefer-128-bit", "prefer-256-bit") if arch == "x86_64" else ()
    return common | {
        "vendor_url": _text(r"https://\S+", "an https:// address"),
        "arch": _one_of(ARCHITECTURES),
        "isa": _one_of(INSTRUCTION_FAMILIES[arch]),
        "cpu_features": _list_of(LLVM_NAMES[arch]),
        "cores": _integer(1, 1024),
        "ram_mb": _integer(64, 1 << 24),
        "glibc": _text(r"2\.\d{1,2}", "a glibc version such as 2.31"),
        "llvm.mtriple": _text(
            {
                "x86_64": r"x86_64-linux-gnu",
                "aarch64": r"aarch64-linux-gnu",
                "armv7l": r"armv7l-linux-gnueabihf",
                "riscv64": r"riscv64-linux-gnu",
            }[arch],
            f"{arch}-linux-gnu{'eabihf' if arch == 'armv7l' else ''}",
        ),
        "llvm.mcpu": _one_of(llvm_cpus(arch)),
        "llvm.mattr": _list_of([*dict.fromkeys(LLVM_NAMES[arch].values()), *tuning], "+-"),
        "llvm.mabi": _one_of(["lp64d"] if arch == "riscv64" else [], required=arch == "riscv64"),
        "llvm.mfloat_abi": _one_of(["hard"] if arch == "armv7l" else [], required=arch == "armv7l"),
        "link.fallback": zig,
        "board.match": _texts('a list of names such as "Raspberry Pi 4"', required=False),
        "board.fallback": _one_of([True], required=False),
        "emulate.cpu": _text(r"[\w.-]+", "a CPU model of QEMU such as cortex-a72", required=False),
    }


def _flatten(table: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": v for inner, v in value.items()}
        else:
            flat[key] = value
    return flat


def _invalid(path: Path, key: str, problem: str, accepted: str) -> FatalError:
    return FatalError(f"{path}: {key}", problem, f"accepted: {accepted or 'nothing on this architecture'}")


def _check(path: Path, values: Mapping[str, Any], keys: Mapping[str, _Key]) -> None:
    for key, value in values.items():
        if key not in keys:
            raise _invalid(path, key, f"unknown key (value {value!r})", ", ".join(sorted(keys)))
        if not keys[key].accepts(value):
            raise _invalid(path, key, f"bad value {value!r}", keys[key].accepted)
    for key, rule in keys.items():
        if rule.required and key not in values:
            raise _invalid(path, key, "missing", rule.accepted)


def _described(name: str, values: Mapping[str, Any]) -> Target:
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
            values["llvm.mtriple"],
            values["llvm.mcpu"],
            tuple(values["llvm.mattr"]),
            values.get("llvm.mabi"),
            values.get("llvm.mfloat_abi"),
        ),
        link=Link(values["link.prefer"], values["link.fallback"]),
        recipe=Recipe(values["recipe.precision"], values["recipe.pruning"]),
        reach=reach_of(values),
        board=BoardNames(tuple(values.get("board.match", ())), values.get("board.fallback", False)),
        emulate_cpu=values.get("emulate.cpu"),
    )


def read_target(path: Path) -> Target:
    """Read and check one profile.

    Raises `FatalError` naming file, key, bad value and accepted values; also when the file cannot be read.
    """
    try:
        values = _flatten(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise FatalError(str(path), error.strerror or "cannot be read", "check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FatalError(str(path), f"not valid TOML: {error}", "correct the file") from error
    if "detected" in values:
        machine = Machine.here()
        arch = machine.arch if machine.arch in ARCHITECTURES else "x86_64"
        _check(path, values, _described_keys(arch, detected=True))
        return detect(values, machine)
    _check(path, {k: v for k, v in values.items() if k == "arch"}, {"arch": _one_of(ARCHITECTURES)})
    _check(path, values, _described_keys(values["arch"], detected=False))
    return _described(path.stem, values)


def list_targets(directory: Path = TARGETS) -> list[str]:
    """Names of the shipped profiles, `native` first."""
    return sorted((path.stem for path in directory.glob("*.toml")), key=lambda name: (name != "native", name))


def load_target(name_or_path: str | Path, directory: Path = TARGETS) -> Target:
    """The profile of that name in *directory*, or the one in the `.toml` file given.

    Raises `FatalError` when there is no such target or its profile is wrong.
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
