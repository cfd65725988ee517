"""Target profiles: what a board is, as data in `targets/*.toml`, and the machine at hand, as detected."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import tomllib

from device_runtime.errors import FatalError

DIRECTORY = Path(__file__).resolve().parent.parent / "targets"

ARCHITECTURES = ("x86_64", "aarch64", "armv7l", "riscv64")
INSTRUCTION_FAMILIES = {
    "x86_64": ("avx512vnni", "avxvnni", "avx2", "generic"),
    "aarch64": ("neon-dotprod", "neon", "generic"),
    "armv7l": ("generic",),
    "riscv64": ("generic",),
}
PRECISIONS = ("fp32", "fp16", "bf16", "int8")
PRUNINGS = ("none", "light", "tiny")
ZIG_TRIPLES = {
    "x86_64": "x86_64-linux-gnu",
    "aarch64": "aarch64-linux-gnu",
    "armv7l": "arm-linux-gnueabihf",
    "riscv64": "riscv64-linux-gnu",
}
BAUD_RATES = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1500000)

LLVM_NAMES: dict[str, dict[str, str]] = {
    "x86_64": {
        "pni": "sse3",
        "ssse3": "ssse3",
        "sse4_1": "sse4.1",
        "sse4_2": "sse4.2",
        "popcnt": "popcnt",
        "abm": "lzcnt",
        "bmi1": "bmi",
        "bmi2": "bmi2",
        "movbe": "movbe",
        "avx": "avx",
        "f16c": "f16c",
        "fma": "fma",
        "avx2": "avx2",
        "avx_vnni": "avxvnni",
        "avx_vnni_int8": "avxvnniint8",
        "avx_ifma": "avxifma",
        "avx512f": "avx512f",
        "avx512dq": "avx512dq",
        "avx512cd": "avx512cd",
        "avx512bw": "avx512bw",
        "avx512vl": "avx512vl",
        "avx512ifma": "avx512ifma",
        "avx512vbmi": "avx512vbmi",
        "avx512_vbmi2": "avx512vbmi2",
        "avx512_vnni": "avx512vnni",
        "avx512_bitalg": "avx512bitalg",
        "avx512_vpopcntdq": "avx512vpopcntdq",
        "avx512_bf16": "avx512bf16",
        "avx512_fp16": "avx512fp16",
        "aes": "aes",
        "pclmulqdq": "pclmul",
        "vaes": "vaes",
        "vpclmulqdq": "vpclmulqdq",
        "gfni": "gfni",
        "sha_ni": "sha",
        "adx": "adx",
    },
    "aarch64": {
        "fp": "fp-armv8",
        "asimd": "neon",
        "aes": "aes",
        "sha2": "sha2",
        "crc32": "crc",
        "atomics": "lse",
        "fphp": "fullfp16",
        "asimdhp": "fullfp16",
        "asimdrdm": "rdm",
        "lrcpc": "rcpc",
        "asimddp": "dotprod",
        "i8mm": "i8mm",
        "bf16": "bf16",
    },
    "armv7l": {
        "thumb": "thumb2",
        "neon": "neon",
        "vfpv3": "vfp3",
        "vfpv4": "vfp4",
        "vfpd32": "d32",
        "idiva": "hwdiv-arm",
        "idivt": "hwdiv",
    },
    "riscv64": {"i": "i", "m": "m", "a": "a", "f": "f", "d": "d", "c": "c", "v": "v"},
}
"""Per architecture: CPU feature as Linux names it (`/proc/cpuinfo`) → as LLVM names it.

Only features that a compiled kernel may come to depend on. `riscv64` has the letters of the `isa` line."""


@dataclass(frozen=True)
class Llvm:
    """Code generation options as LLVM spells them; `mattr` entries start with + or -."""

    mtriple: str
    mcpu: str
    mattr: tuple[str, ...] = ()
    mabi: str | None = None
    mfloat_abi: str | None = None


@dataclass(frozen=True)
class Recipe:
    """What `build` does unless told otherwise."""

    precision: str = "fp32"
    pruning: str = "none"


@dataclass(frozen=True)
class Link:
    """Preferred compiler driver (an executable's name) and zig's triple, without a glibc version."""

    prefer: str
    fallback: str


@dataclass(frozen=True)
class Reach:
    """Defaults for reaching the board; `None` where there is no usual way."""

    ssh_host: str | None = None
    serial_port: str | None = None
    baud: int = 115200


@dataclass(frozen=True)
class Target:
    """One board or class of machines.

    `cpu_features` are the features the compiled code needs, named as in `/proc/cpuinfo`; `isa` is the
    instruction family the int8 kernels use; `glibc` is the oldest C library the board's systems have;
    `emulate_cpu` is QEMU's nearest model, `None` where the host runs the code itself.
    """

    name: str
    display_name: str
    vendor_url: str
    arch: str
    isa: str
    cpu_features: tuple[str, ...]
    cores: int
    ram_mb: int
    glibc: str
    llvm: Llvm
    link: Link
    recipe: Recipe = field(default_factory=Recipe)
    reach: Reach = field(default_factory=Reach)
    emulate_cpu: str | None = None

    def tvm_target(self) -> dict[str, Any]:
        """Keyword form for `tvm.target.Target`."""
        target: dict[str, Any] = {
            "kind": "llvm",
            "mtriple": self.llvm.mtriple,
            "mcpu": self.llvm.mcpu,
            "num-cores": self.cores,
            # No NaN is computed with; without it a maximum of floats takes ARM two instructions.
            "fast-math-nnan": True,
        }
        if self.llvm.mattr:
            target["mattr"] = list(self.llvm.mattr)
        if self.llvm.mabi:
            target["mabi"] = self.llvm.mabi
        if self.llvm.mfloat_abi:
            target["mfloat-abi"] = self.llvm.mfloat_abi
        return target


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


@cache
def _llvm_cpus(arch: str) -> tuple[str, ...]:
    import tvm
    from tvm.target import codegen

    bare = tvm.target.Target({"kind": "llvm", "mtriple": f"{arch}-linux-gnu"})
    return tuple(sorted(str(cpu) for cpu in codegen.llvm_get_cpu_archlist(bare)))


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
        "llvm.mcpu": _one_of(_llvm_cpus(arch)),
        "llvm.mattr": _list_of([*dict.fromkeys(LLVM_NAMES[arch].values()), *tuning], "+-"),
        "llvm.mabi": _one_of(["lp64d"] if arch == "riscv64" else [], required=arch == "riscv64"),
        "llvm.mfloat_abi": _one_of(["hard"] if arch == "armv7l" else [], required=arch == "armv7l"),
        "link.fallback": zig,
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
    cpus = _llvm_cpus(machine.arch)
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
        reach=_reach(profile),
    )


def _reach(values: Mapping[str, Any]) -> Reach:
    return Reach(
        values.get("reach.ssh_host"), values.get("reach.serial_port"), values.get("reach.baud", Reach.baud)
    )


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
        reach=_reach(values),
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


def list_targets(directory: Path = DIRECTORY) -> list[str]:
    """Names of the shipped profiles, `native` first."""
    return sorted((path.stem for path in directory.glob("*.toml")), key=lambda name: (name != "native", name))


def load_target(name_or_path: str | Path, directory: Path = DIRECTORY) -> Target:
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
