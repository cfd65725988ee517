"""Instructions a program executes on an emulated CPU, by class: exact, and the same on any machine.

QEMU's user-mode emulator runs the program with the plugin `count_instructions.c`. The program says what is
counted: it makes the system call `MARKER` of `host.emulate.guests.count` with the arguments (0, 0) before and
(1, label) after.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from device_runtime.errors import FatalError
from host.cache import cached
from host.emulate.root import EMULATORS
from host.paths import CACHE
from host.targets.profile import Target

SOURCE = Path(__file__).with_name("count_instructions.c")


@dataclass(frozen=True)
class Counts:
    """What was executed between two markers.

    Attributes:
        instructions: number by class; architectures other than aarch64 have all of them in `integer`.
        load_registers: 128-bit registers that the vector loads filled (a load pair fills two).
        store_registers: likewise, emptied by vector stores.
        l1_misses: lines that the simulated data cache did not have; 0 if none was simulated.
    """

    instructions: dict[str, int]
    load_registers: int = 0
    store_registers: int = 0
    l1_misses: int = 0

    @property
    def total(self) -> int:
        """All instructions."""
        return sum(self.instructions.values())

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            {name: n - other.instructions[name] for name, n in self.instructions.items()},
            self.load_registers - other.load_registers,
            self.store_registers - other.store_registers,
            self.l1_misses - other.l1_misses,
        )


@dataclass(frozen=True)
class DataCache:
    """Level-one data cache: size in bytes, associativity; lines of 64 bytes."""

    size: int
    ways: int


def qemu_with_plugins(target: Target) -> Path:
    """QEMU's user-mode emulator for *target*, one that takes plugins.

    Raises:
        FatalError: the target is not emulated, or the emulator is missing.
    """
    name = EMULATORS.get(target.arch)
    if name is None or target.emulate_cpu is None:
        raise FatalError(
            f"target {target.name}", "not emulated: this machine runs its code itself", "use --runner local"
        )
    path = shutil.which(name)
    if path is None:
        raise FatalError(name, "not on PATH", "run `apt-get install qemu-user` (not qemu-user-static)")
    return Path(path)


@cache
def plugin(qemu: Path) -> Path:
    """The counting plugin built for that emulator's plugin API.

    Raises:
        FatalError: there is no C compiler, or it fails.
    """
    text = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    # Which version of the API came with which QEMU: 1 until 8.2, 2 with 9.0, 3 with 9.1 and accepted since.
    api = 1 if version < (9, 0) else 2 if version < (9, 1) else 3
    key = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]

    def fill(folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            raise FatalError("QEMU plugin", "no C compiler", "run `apt-get install gcc libc6-dev`")
        command = [compiler, "-O2", "-shared", "-fPIC", "-fvisibility=hidden", f"-DQEMU_PLUGIN_VERSION={api}"]
        command += ["-o", str(folder / "count.so"), str(SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1]
            raise FatalError(SOURCE.name, f"does not compile: {reason}", f"run `{' '.join(command)}`")

    return cached(CACHE / "qemu-plugin" / f"{key}-{api}", fill) / "count.so"


def count(
    command: Sequence[str | Path],
    target: Target,
    root: Path | None = None,
    data_cache: DataCache | None = None,
    environment: dict[str, str] | None = None,
) -> list[tuple[int, Counts]]:
    """Run *command* on *target*'s emulated CPU; what it counted, in order, with its labels.

    Args:
        root: where the guest finds its dynamic loader and libraries; none for a static executable.
        data_cache: count the misses of such a cache too.
        environment: variables for the guest, besides those of this process.

    Raises:
        FatalError: the program fails, or the emulator takes no plugins.
    """
    qemu = qemu_with_plugins(target)
    with tempfile.TemporaryDirectory(prefix="count-") as folder:
        out = Path(folder) / "counts"
        arguments = f"file={plugin(qemu)},out={out}"
        if data_cache:
            arguments += f",l1={data_cache.size},ways={data_cache.ways}"
        line: list[str | Path] = [qemu, "-cpu", str(target.emulate_cpu), "-plugin", arguments]
        line += ["-L", root] if root else []
        for name, value in (environment or {}).items():
            line += ["-E", f"{name}={value}"]
        done = subprocess.run([*line, *command], capture_output=True, text=True, check=False)
        if done.returncode:
            complaint = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
            todo = (
                "run `apt-get install qemu-user` (not qemu-user-static)"
                if "plugin" in complaint
                else "see whether it runs on the board"
            )
            raise FatalError(f"{Path(command[0]).name} under {qemu.name}", complaint, todo)
        return _parse(out.read_text())


def _parse(text: str) -> list[tuple[int, Counts]]:
    header, *lines = text.splitlines()
    names = header.split()
    samples = []
    for line in lines:
        label, *values = map(int, line.split())
        row = dict(zip(names, values, strict=True))
        extra = {name: row.pop(name) for name in ("load_registers", "store_registers", "l1_misses")}
        samples.append((label, Counts(row, **extra)))
    return samples
