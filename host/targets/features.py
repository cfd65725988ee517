"""CPUs and their features, as Linux and as LLVM name them; TVM is imported when LLVM is asked."""

from __future__ import annotations

from functools import cache

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


@cache
def llvm_cpus(arch: str) -> tuple[str, ...]:
    """The CPUs of *arch* that TVM's LLVM can compile for, in alphabetical order."""
    import tvm
    from tvm.target import codegen

    bare = tvm.target.Target({"kind": "llvm", "mtriple": f"{arch}-linux-gnu"})
    return tuple(sorted(str(cpu) for cpu in codegen.llvm_get_cpu_archlist(bare)))


def system_cpu() -> str:
    """What LLVM takes the CPU of this machine for, by its family and model."""
    from tvm.target import codegen

    return str(codegen.llvm_get_system_cpu())


def cpu_implies(arch: str, cpu: str) -> set[str]:
    """The features, by LLVM's names, that code for *cpu* may use without being told."""
    import tvm
    from tvm.target import codegen

    target = tvm.target.Target({"kind": "llvm", "mtriple": f"{arch}-linux-gnu", "mcpu": cpu})
    return {str(feature) for feature in codegen.llvm_get_cpu_features(target)}
