"""What a linked ELF file asks of the system it is loaded on, read without binutils for its architecture."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from device_runtime.errors import FatalError

MACHINES = {62: "x86_64", 183: "aarch64", 40: "armv7l", 243: "riscv64"}
"""`e_machine` (ELF gABI) → architecture as `uname -m` names it."""

_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NEEDED, _DT_STRTAB, _DT_VERNEED, _DT_VERNEEDNUM = 1, 5, 0x6FFFFFFE, 0x6FFFFFFF


@dataclass(frozen=True)
class Requirements:
    """Architecture, libraries (`DT_NEEDED`) and symbol versions (by library) a shared object needs."""

    arch: str
    libraries: tuple[str, ...]
    versions: dict[str, tuple[str, ...]]

    def newest(self, prefix: str) -> tuple[int, ...]:
        """Newest version needed under *prefix*, e.g. `newest("GLIBC_") == (2, 27)`; `()` when none is."""
        found = [v.removeprefix(prefix) for vs in self.versions.values() for v in vs if v.startswith(prefix)]
        return max((version(v) for v in found if v[:1].isdigit()), default=())


def version(text: str) -> tuple[int, ...]:
    """`"2.31"` → `(2, 31)`."""
    return tuple(int(part) for part in text.split("."))


def read_requirements(path: Path) -> Requirements:
    """Requirements of the little-endian shared object *path*.

    Raises:
        FatalError: it is not one.
    """
    data = path.read_bytes()
    try:
        return _parse(data)
    except (struct.error, KeyError, ValueError, IndexError) as error:
        raise FatalError(
            str(path), "not a shared object for a known architecture", "build it anew"
        ) from error


def _parse(data: bytes) -> Requirements:
    if data[:4] != b"\x7fELF" or data[5] != 1:
        raise ValueError("not little-endian ELF")
    wide = data[4] == 2
    (machine,) = struct.unpack_from("<H", data, 18)
    phoff = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)[0]
    phentsize, phnum = struct.unpack_from("<HH", data, 54 if wide else 42)

    loads: list[tuple[int, int, int]] = []
    dynamic: dict[int, list[int]] = {}
    for at in range(phoff, phoff + phnum * phentsize, phentsize):
        if wide:
            kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", data, at)
        else:
            kind, offset, address, _, size = struct.unpack_from("<IIIII", data, at)
        if kind == _PT_LOAD:
            loads.append((address, offset, size))
        elif kind == _PT_DYNAMIC:
            for tag, value in struct.iter_unpack("<QQ" if wide else "<II", data[offset : offset + size]):
                dynamic.setdefault(tag, []).append(value)

    def file_offset(address: int) -> int:
        return next(o + address - a for a, o, s in loads if a <= address < a + s)

    strings = file_offset(dynamic[_DT_STRTAB][0])

    def string(index: int) -> str:
        return data[strings + index : data.index(b"\0", strings + index)].decode()

    return Requirements(
        MACHINES[machine],
        tuple(string(index) for index in dynamic.get(_DT_NEEDED, [])),
        _versions(data, dynamic, file_offset, string),
    )


def _versions(
    data: bytes,
    dynamic: dict[int, list[int]],
    file_offset: Callable[[int], int],
    string: Callable[[int], str],
) -> dict[str, tuple[str, ...]]:
    versions: dict[str, tuple[str, ...]] = {}
    if _DT_VERNEED not in dynamic:
        return versions
    at = file_offset(dynamic[_DT_VERNEED][0])
    for _ in range(dynamic[_DT_VERNEEDNUM][0]):
        _, count, library, first, following = struct.unpack_from("<HHIII", data, at)
        names, entry = [], at + first
        for _ in range(count):
            _, _, _, name, step = struct.unpack_from("<IHHII", data, entry)
            names.append(string(name))
            entry += step
        versions[string(library)] = tuple(names)
        at += following
    return versions
