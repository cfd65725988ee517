"""A bundle on its emulated board against the same network on this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_runtime.bundle.manifest import Manifest, read_manifest
from device_runtime.errors import FatalError
from device_runtime.read.decode import greedy
from device_runtime.read.preprocess import prepare
from device_runtime.sources.files import image_files
from device_runtime.sources.image import read_image
from host.compile.link import apt_package
from host.emulate.root import SYSTEMS, emulator, root_for, run_in_root
from host.paths import DEVICE_PACKAGE, REPOSITORY
from host.runtime_libs.wheels import package_directory
from host.targets.profile import Target

GUEST = REPOSITORY / "host" / "emulate" / "guests" / "logits.py"
HARNESS = REPOSITORY / "host" / "emulate" / "run_module.c"

FP32_TOLERANCE = 1e-3
"""How far a logit may be off between two machines' orders of fp32 additions; logits reach some tens."""


@dataclass(frozen=True, eq=False)
class Outputs:
    """Plates and logits float32 [n, classes, steps] of the images, in the images' order."""

    plates: tuple[str, ...]
    logits: NDArray[np.float32]


@dataclass(frozen=True)
class Comparison:
    """Board against host: images, their names where plates differ, and the largest difference of a logit."""

    images: int
    different: tuple[str, ...]
    max_difference: float
    tolerance: float

    @property
    def agree(self) -> bool:
        # A comparison with NaN is false, so that NaN fails too.
        return not self.different and self.max_difference <= self.tolerance


def compare(board: Outputs, host: Outputs, images: Path, precision: str, atol: float) -> Comparison:
    """Plates must be equal; logits within `FP32_TOLERANCE`, or the manifest's *atol* in other precisions."""
    names = [path.name for path in image_files([images])]
    pairs = zip(names, board.plates, host.plates, strict=True)
    return Comparison(
        len(names),
        tuple(f"{name}: board {b!r}, host {h!r}" for name, b, h in pairs if b != h),
        float(np.abs(board.logits - host.logits).max()),
        FP32_TOLERANCE if precision == "fp32" else atol,
    )


def on_host(bundle: Path, images: Path) -> Outputs:
    """Run *bundle*, built for this machine, in a process of its own.

    Raises `FatalError` when it fails.
    """
    with tempfile.TemporaryDirectory(prefix="host-") as scratch:
        work = Path(scratch)
        (work / "device_runtime").symlink_to(DEVICE_PACKAGE)
        guest = shutil.copy(GUEST, work)
        command = [sys.executable, str(guest), str(bundle.resolve()), str(images.resolve())]
        done = subprocess.run(
            [*command, str(work / "logits.npy")], capture_output=True, text=True, check=False
        )
        return _outputs(done, work / "logits.npy", bundle)


def on_board(bundle: Path, images: Path, target: Target) -> Outputs:
    """Run *bundle* on *target*'s emulated CPU, with the board's own Python where there is a root for it.

    Without one (RISC-V) the module alone runs, through a C program on TVM's C ABI; preprocessing and
    decoding are then the host's.

    Raises `FatalError` when a tool is missing or the bundle does not run.
    """
    if target.emulate_cpu is None:
        raise FatalError(f"target {target.name}", "is not emulated", "run its bundle on this machine")
    return _python(bundle, images, target) if target.arch in SYSTEMS else _harness(bundle, images, target)


def _python(bundle: Path, images: Path, target: Target) -> Outputs:
    root = root_for(target.arch)
    with tempfile.TemporaryDirectory(prefix="board-") as scratch:
        work = Path(scratch)
        wheel = next(bundle.glob("*.whl"), None)
        if wheel is None:
            raise FatalError(str(bundle), "has no wheel of the device package", "build the bundle again")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(work)
        guest = shutil.copy(GUEST, work)
        paths = [str(bundle.resolve()), str(images.resolve()), str(work / "logits.npy")]
        done = run_in_root(
            root, str(target.emulate_cpu), [str(root.python), str(guest), *paths], {"PYTHONPATH": str(work)}
        )
        return _outputs(done, work / "logits.npy", bundle)


def _outputs(done: subprocess.CompletedProcess[str], logits: Path, bundle: Path) -> Outputs:
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise FatalError(str(bundle), lines[-1].removeprefix("error: "), "see whether `lpr-run` says more")
    plates = tuple(json.loads(line)["plate"] for line in done.stdout.splitlines())
    return Outputs(plates, np.load(logits))


def _harness(bundle: Path, images: Path, target: Target) -> Outputs:
    compiler = target.link.prefer.removesuffix("g++") + "gcc"
    sysroot = Path("/usr") / compiler.removesuffix("-gcc")
    if shutil.which(compiler) is None or not sysroot.is_dir():
        raise FatalError(
            compiler,
            "not installed",
            f"run `apt-get install {apt_package(target.link.prefer)} qemu-user-static`",
        )
    manifest = read_manifest(bundle)
    tensors = _tensors(images, manifest)
    includes = package_directory("tvm_ffi")
    libraries = [str(bundle.resolve() / name) for name in ("libtvm_runtime.so", "libtvm_ffi.so")]
    with tempfile.TemporaryDirectory(prefix="board-") as scratch:
        work = Path(scratch)
        build = [
            compiler,
            "-O1",
            "-w",
            "-I",
            str(includes / "include"),
            str(HARNESS),
            "-o",
            str(work / "run"),
        ]
        build += ["-I", str(includes / "3rdparty" / "dlpack" / "include"), "-Wl,--no-as-needed", *libraries]
        build += [f"-Wl,-rpath,{bundle.resolve()}", f"-Wl,-rpath-link,{bundle.resolve()}"]
        tensors.tofile(work / "input")
        size = int(np.prod(manifest.output.shape))
        shape = [*map(str, manifest.input.shape[1:]), str(size)]
        run = [*emulator(target.arch, str(target.emulate_cpu)), "-L", str(sysroot), str(work / "run")]
        run += [str(bundle.resolve() / "model.so"), str(work / "input"), str(work / "output"), *shape]
        for command in (build, run):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
                raise FatalError(str(bundle), reason.removeprefix("error: "), "report this")
        logits = np.fromfile(work / "output", np.float32).reshape(-1, *manifest.output.shape[1:])
    plates = tuple(greedy(one, manifest.alphabet, manifest.blank).text for one in logits)
    return Outputs(plates, logits)


def _tensors(images: Path, manifest: Manifest) -> NDArray[np.float32]:
    files = image_files([images])
    tensors = np.empty((len(files), *manifest.input.shape[1:]), np.float32)
    for i, path in enumerate(files):
        prepare(read_image(path), tensors[i : i + 1], manifest.preprocess)
    return tensors
