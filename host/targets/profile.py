"""A target profile: what a board is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ARCHITECTURES = ("x86_64", "aarch64", "armv7l", "riscv64")
INSTRUCTION_FAMILIES = {
    "x86_64": ("avx512vnni", "avxvnni", "avx2", "generic"),
    "aarch64": ("neon-dotprod", "neon", "generic"),
    "armv7l": ("generic",),
    "riscv64": ("generic",),
}
"""What int8 kernels are written for, by architecture, the widest first."""
ZIG_TRIPLES = {
    "x86_64": "x86_64-linux-gnu",
    "aarch64": "aarch64-linux-gnu",
    "armv7l": "arm-linux-gnueabihf",
    "riscv64": "riscv64-linux-gnu",
}
"""What zig calls the architectures."""
BAUD_RATES = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1500000)


@dataclass(frozen=True, kw_only=True)
class Llvm:
    """Code generation options as LLVM spells them.

    Attributes:
        mtriple: target triple.
        mcpu: the CPU that instructions are scheduled for.
        mattr: features beside that CPU's, each behind a + or, to leave it out, a -.
        mabi: calling convention, of RISC-V.
        mfloat_abi: where floats are passed, of 32-bit ARM.
    """

    mtriple: str
    mcpu: str
    mattr: tuple[str, ...] = ()
    mabi: str | None = None
    mfloat_abi: str | None = None


@dataclass(frozen=True)
class Recipe:
    """What `build` makes by default: number format, and which of the shipped networks."""

    precision: str = "fp32"
    pruning: str = "none"


@dataclass(frozen=True)
class Link:
    """How modules are linked.

    Attributes:
        prefer: name of a compiler driver's executable.
        fallback: zig's triple, without a glibc version, where that is not installed.
    """

    prefer: str
    fallback: str


@dataclass(frozen=True)
class Reach:
    """How such a board is usually reached: `lpr-host targets NAME` shows it, no command connects by it.

    Attributes:
        ssh_host: `user@host`, None if SSH is not usual.
        serial_port: device on the host, None if a serial line is not usual.
        baud: bits per second of that line.
    """

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


@dataclass(frozen=True, kw_only=True)
class Target:
    """One board or class of machines.

    Attributes:
        arch: one of `ARCHITECTURES`, as `uname -m` calls it.
        isa: the instruction family that int8 kernels use.
        cpu_features: what compiled code needs, named as in `/proc/cpuinfo`.
        ram_mb: memory in MiB.
        glibc: the oldest C library that the board's systems have.
        tuning_uses: targets whose tuning records stand in for what was not tuned on this one, the best first.
        emulate_cpu: QEMU's nearest model; None where nothing is emulated.
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
    tuning_uses: tuple[str, ...] = ()
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


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a list of targets shows of one; fields as those of `Target`.

    Attributes:
        cpu: `Llvm.mcpu`, or `detected`.
    """

    name: str
    display_name: str
    arch: str
    cpu: str
    isa: str
    cores: int
    ram_mb: int
    glibc: str
