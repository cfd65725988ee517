from __future__ import annotations

import dataclasses
import shutil
import struct
import subprocess
import sys
import tarfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tvm
from click.testing import CliRunner
from tvm import relax
from tvm.script import ir as I
from tvm.script import relax as R

from device_runtime.errors import FatalError
from host.cli import main
from host.compile.elf import read_requirements, version
from host.compile.link import Linker, apt_package, archive, distribution_linker, linker_for, zig_linker
from host.targets.read import load_target

ARCHITECTURES = ("native", "x86-64-v3", "rpi4", "rpi2", "visionfive2")
SYSTEM_LIBRARIES = {"libc.so.6", "libm.so.6", "libgcc_s.so.1"}


@I.ir_module
class Doubling:
    @R.function
    def main(x: R.Tensor((1, 64), "float32")) -> R.Tensor((1, 64), "float32"):  # type: ignore[valid-type]
        with R.dataflow():
            y = R.exp(R.add(x, x))
            R.output(y)
        return y


@cache
def executable(name: str) -> relax.VMExecutable:
    return relax.build(Doubling, tvm.target.Target(load_target(name).tvm_target()))


def link(linker: Linker, name: str, output: Path) -> Path:
    executable(name).export_library(str(output), fcompile=linker.fcompile)
    return output


def section_names(library: Path) -> set[str]:
    data = library.read_bytes()
    wide = data[4] == 2
    start = struct.unpack_from("<Q" if wide else "<I", data, 40 if wide else 32)[0]
    size, count, names = struct.unpack_from("<HHH", data, 58 if wide else 46)
    at, offset = struct.Struct("<I"), struct.Struct("<Q" if wide else "<I")
    field = 24 if wide else 16
    table = offset.unpack_from(data, start + names * size + field)[0]
    found = (table + at.unpack_from(data, start + i * size)[0] for i in range(count))
    return {data[i : data.index(b"\0", i)].decode() for i in found}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("find", [distribution_linker, zig_linker], ids=["distribution", "zig"])
def test_links_for_the_target_and_the_same_every_time(
    name: str, find: Callable[..., Linker | None], tmp_path: Path
) -> None:
    target = load_target(name)
    linker = find(target)
    if linker is None:
        pytest.skip(f"neither {target.link.prefer} nor ziglang: lpr-host doctor --target {name}")
    (tmp_path / "elsewhere").mkdir()
    first = link(linker, name, tmp_path / "model.so")
    second = link(linker, name, tmp_path / "elsewhere" / "other.so")
    needs = read_requirements(first)
    assert needs.arch == target.arch
    assert set(needs.libraries) <= SYSTEM_LIBRARIES
    assert needs.newest("GLIBC_") <= version(target.glibc)
    sections = section_names(first)
    assert ".text" in sections
    assert not {s for s in sections if s in (".symtab", ".note.gnu.build-id") or s.startswith(".debug")}
    assert first.read_bytes() == second.read_bytes()
    assert linker.version[0].isdigit() and linker.version in linker.describe()


def test_native_module_runs(tmp_path: Path) -> None:
    library = link(linker_for(load_target("native")), "native", tmp_path / "model.so")
    x = np.linspace(-1, 1, 64, dtype=np.float32)[None]
    machine = relax.VirtualMachine(tvm.runtime.load_module(str(library)), tvm.cpu())
    assert np.allclose(machine["main"](tvm.runtime.tensor(x)).numpy(), np.exp(2 * x), rtol=1e-6)


def test_archive_is_the_objects_and_nothing_of_this_build(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first, second = tmp_path / "model.tar.gz", tmp_path / "b" / "again.tar.gz"
    for path in (first, second):
        executable("native").export_library(str(path), fcompile=archive)
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as tar:
        entries = tar.getmembers()
        assert [e.name for e in entries] == sorted(e.name for e in entries)
        assert all((e.mtime, e.uid, e.gid, e.uname, e.mode) == (0, 0, 0, "", 0o644) for e in entries)
        tar.extractall(tmp_path / "b", filter="data")
    # As install.sh does on a board.
    objects = sorted(map(str, (tmp_path / "b").glob("*.o")))
    subprocess.run(["cc", "-shared", "-o", str(tmp_path / "linked.so"), *objects], check=True)
    machine = relax.VirtualMachine(tvm.runtime.load_module(str(tmp_path / "linked.so")), tvm.cpu())
    assert machine["main"](tvm.runtime.tensor(np.zeros((1, 64), np.float32))).numpy().max() == 1


def test_refuses_a_module_too_new_for_the_target(tmp_path: Path) -> None:
    linker = linker_for(load_target("native"))
    with pytest.raises(FatalError, match=r"needs glibc 2\.\d+, the target has 2\.2 – link with zig"):
        link(dataclasses.replace(linker, glibc="2.2"), "native", tmp_path / "model.so")


def test_refuses_a_module_of_another_architecture(tmp_path: Path) -> None:
    linker = dataclasses.replace(linker_for(load_target("native")), arch="riscv64")
    with pytest.raises(FatalError, match=r"not riscv64"):
        link(linker, "native", tmp_path / "model.so")


def test_linker_errors_are_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "lib0.o"
    broken.write_text("not an object")
    with pytest.raises(FatalError, match=r"linking model\.so failed") as caught:
        linker_for(load_target("native")).fcompile(str(tmp_path / "model.so"), [str(broken)])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.so").exists()


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No compiler on PATH, no ziglang."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setitem(sys.modules, "ziglang", None)


@pytest.mark.usefixtures("bare_machine")
def test_missing_cross_compiler_names_both_ways_to_get_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["build", "--target", "rpi4", "--output", str(tmp_path / "bundle")])
    assert result.exit_code == 2
    error = result.stderr.splitlines()[-1]
    assert error.startswith("error: linker for target rpi4: aarch64-linux-gnu-g++ is not on PATH")
    assert "apt-get install g++-aarch64-linux-gnu" in error and "pip install ziglang==" in error
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "bundle").exists()


def test_zig_stands_in_for_a_missing_cross_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ziglang", reason="the extra `cross` is not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    linker = linker_for(load_target("jetson-nano"))
    assert linker.name == "zig cc -target aarch64-linux-gnu.2.27"


@pytest.mark.parametrize(
    ("driver", "package"),
    [
        ("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu"),
        ("arm-linux-gnueabihf-g++", "g++-arm-linux-gnueabihf"),
        ("riscv64-linux-gnu-g++", "g++-riscv64-linux-gnu"),
        ("g++", "g++"),
    ],
)
def test_debian_packages(driver: str, package: str) -> None:
    assert apt_package(driver) == package


@pytest.mark.parametrize("damage", ["text", "empty", "truncated", "big-endian", "other machine"])
def test_elf_reader_refuses_what_it_cannot_read(damage: str, tmp_path: Path) -> None:
    whole = Path(shutil.which("true") or "/bin/true").read_bytes()
    data = {
        "text": b"#!/bin/sh\n",
        "empty": b"",
        "truncated": whole[:100],
        "big-endian": whole[:5] + b"\2" + whole[6:],
        "other machine": whole[:18] + b"\x02\x00" + whole[20:],
    }[damage]
    (tmp_path / "lib.so").write_bytes(data)
    with pytest.raises(FatalError, match="not a shared object"):
        read_requirements(tmp_path / "lib.so")
