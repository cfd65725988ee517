"""A target profile: what a board is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
class BoardNames:
    """By what a machine is told that this target is the one for it.

    Attributes:
        match: parts of the names that such boards give themselves; case, spaces and punctuation don't count.
        fallback: for boards without a target of their own, if their processors have all its features.
    """

    match: tuple[str, ...] = ()
    fallback: bool = False


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
    board: BoardNames = field(default_factory=BoardNames)
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


def reach_of(values: Mapping[str, Any]) -> Reach:
    return Reach(
        values.get("reach.ssh_host"), values.get("reach.serial_port"), values.get("reach.baud", Reach.baud)
    )
