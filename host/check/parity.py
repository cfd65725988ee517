"""A bundle on its emulated board against the network it was built from.

The board's side is what ships: `lpr-run` with the board's own Python, or, where there is no such Python, the
module through TVM's C ABI. The other side is the reference that golden outputs are made of, in PyTorch: for
int8 the very same integers, so that hardly anything may differ.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from device_runtime.board.cpu import Cpu
from device_runtime.bundle.manifest import Manifest, read_manifest
from device_runtime.bundle.verify import verify
from device_runtime.errors import FatalError
from device_runtime.read.decode import greedy
from device_runtime.read.preprocess import prepare
from device_runtime.sources.files import image_files
from device_runtime.sources.image import read_image
from host.build import Request, quantize_network
from host.bundle.golden import beyond_usual, reference
from host.compile.link import apt_package
from host.emulate.root import SYSTEMS, qemu_command, root_for, run_in_root
from host.kernels.int8 import Int8
from host.kernels.select import microkernel_for
from host.network.graph import Network
from host.network.integer import QuantizedNetwork
from host.network.simplify import simplify
from host.paths import DEVICE_PACKAGE, REPOSITORY
from host.runtime_libs.wheels import package_directory
from host.targets.profile import Target
from lprnet.network.checkpoint import Checkpoint, load_checkpoint
from lprnet.weights import shipped

GUEST = REPOSITORY / "host" / "emulate" / "guests" / "logits.py"
HARNESS = REPOSITORY / "host" / "emulate" / "run_module.c"

FP32_TOLERANCE = 1e-3
"""How far a logit may be off between two orders of fp32 additions; logits reach some tens."""


@dataclass(frozen=True, eq=False)
class Outputs:
    """What was computed of some images, in their order.

    Attributes:
        plates: the texts read.
        logits: float32 [n, classes, steps].
    """

    plates: tuple[str, ...]
    logits: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A board against the host.

    Attributes:
        images: how many were read.
        different: a line for every plate that was read differently: file, the board's text, the host's.
        max_difference: of a logit; NaN if one is.
        tolerance: how large that may be.
    """

    images: int
    different: tuple[str, ...]
    max_difference: float
    tolerance: float

    @property
    def agree(self) -> bool:
        """Whether all plates are equal and no logit is farther off than allowed."""
        # A comparison with NaN is false, so that NaN fails too.
        return not self.different and self.max_difference <= self.tolerance


def compare(board: Outputs, host: Outputs, images: Path, precision: str, atol: float) -> Comparison:
    """Compare what *board* and *host* made of the folder *images*.

    Plates must be equal; logits within `FP32_TOLERANCE`, or within the manifest's *atol* in other precisions.
    """
    names = [path.name for path in image_files([images])]
    pairs = zip(names, board.plates, host.plates, strict=True)
    return Comparison(
        images=len(names),
        different=tuple(f"{name}: board {b!r}, host {h!r}" for name, b, h in pairs if b != h),
        max_difference=float(np.abs(board.logits - host.logits).max()),
        tolerance=FP32_TOLERANCE * beyond_usual(host.logits) if precision == "fp32" else atol,
    )


def expected(request: Request, images: Path) -> Outputs:
    """What the network in the bundle that *request* built makes of the folder *images*, in PyTorch.

    The bundle's manifest says in which precision. Without a checkpoint in *request* it is the shipped one
    that the bundle was built from.

    Raises:
        FatalError: the bundle was built from another checkpoint.
    """
    manifest = read_manifest(request.output)
    checkpoint = _checkpoint(request, manifest)
    microkernel = microkernel_for(request.target, manifest.precision)
    network = simplify(checkpoint)
    lowered: Network | QuantizedNetwork = network
    if isinstance(microkernel, Int8):
        lowered = quantize_network(network, checkpoint, request, microkernel.int8_sums)
    compute = reference(lowered, microkernel)
    with torch.no_grad():
        logits = compute(torch.from_numpy(_tensors(images, manifest)).double()).numpy().astype(np.float32)
    return Outputs(_plates(logits, manifest), logits)


def _checkpoint(request: Request, manifest: Manifest) -> Checkpoint:
    given = request.checkpoint
    for path in [given] if given else shipped():
        checkpoint = load_checkpoint(path, request.source)
        if checkpoint.sha256 == manifest.checkpoint.sha256:
            return checkpoint
    raise FatalError(
        str(request.output),
        f"was built from {manifest.checkpoint.name}, not from {given or 'a shipped network'}",
        "name its checkpoint with --weights, or remove the bundle",
    )


def on_host(bundle: Path, images: Path) -> Outputs:
    """Run *bundle*, built for this machine, in a process of its own.

    Raises:
        FatalError: it fails.
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

    Without one (RISC-V) the module alone runs, through a C program on TVM's C ABI; checking the bundle,
    preprocessing and decoding are then this machine's.

    Raises:
        FatalError: a tool is missing, or the bundle is damaged or does not run.
    """
    if target.emulate_cpu is None:
        raise FatalError(f"target {target.name}", "is not emulated", "run its bundle on this machine")
    with tempfile.TemporaryDirectory(prefix="board-") as scratch:
        run = _with_python if target.arch in SYSTEMS else _through_c
        return run(bundle.resolve(), images, target, Path(scratch))


def _with_python(bundle: Path, images: Path, target: Target, work: Path) -> Outputs:
    root = root_for(target.arch)
    wheel = next(bundle.glob("*.whl"), None)
    if wheel is None:
        raise FatalError(str(bundle), "has no wheel of the device package", "build the bundle again")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(work)
    guest = shutil.copy(GUEST, work)
    argv = [root.python, guest, bundle, images.resolve(), work / "logits.npy"]
    done = run_in_root(root, str(target.emulate_cpu), list(map(str, argv)), {"PYTHONPATH": str(work)})
    return _outputs(done, work / "logits.npy", bundle)


def _outputs(done: subprocess.CompletedProcess[str], logits: Path, bundle: Path) -> Outputs:
    if done.returncode:
        raise FatalError(str(bundle), _complaint(done), "see whether `lpr-run` says more")
    plates = tuple(json.loads(line)["plate"] or "" for line in done.stdout.splitlines())
    return Outputs(plates, np.load(logits))


def _through_c(bundle: Path, images: Path, target: Target, work: Path) -> Outputs:
    compiler = target.link.prefer.removesuffix("g++") + "gcc"
    sysroot = Path("/usr") / compiler.removesuffix("-gcc")
    if shutil.which(compiler) is None or not sysroot.is_dir():
        packages = f"{apt_package(target.link.prefer)} qemu-user-static"
        raise FatalError(compiler, "not installed", f"run `apt-get install {packages}`")
    manifest = verify(bundle, _cpu(target), target.display_name).manifest
    program, inputs, results = (str(work / name) for name in ("run", "input", "output"))
    _tensors(images, manifest).tofile(inputs)
    _call(
        [compiler, *_harness_options(bundle), "-o", program],
        f"{HARNESS.name} for {target.name}",
        f"see `lpr-host doctor --target {target.name}` for what is missing",
    )
    shape = [*map(str, manifest.input.shape[1:]), str(np.prod(manifest.output.shape))]
    emulator = [*qemu_command(target.arch, str(target.emulate_cpu)), "-L", str(sysroot)]
    _call(
        [*emulator, program, str(bundle / "model.so"), inputs, results, *shape],
        str(bundle),
        f"build it again with `lpr-host build --target {target.name}`",
    )
    logits = np.fromfile(results, np.float32).reshape(-1, *manifest.output.shape[1:])
    return Outputs(_plates(logits, manifest), logits)


def _cpu(target: Target) -> Cpu:
    return Cpu(target.arch, target.llvm.mcpu, frozenset(target.cpu_features))


def _harness_options(bundle: Path) -> list[str]:
    """The source of the C program and its options, with *bundle*'s runtime."""
    ffi = package_directory("tvm_ffi")
    headers = [ffi / "include", ffi / "3rdparty" / "dlpack" / "include"]
    libraries = [bundle / name for name in ("libtvm_runtime.so", "libtvm_ffi.so")]
    includes = [option for path in headers for option in ("-I", str(path))]
    return [
        *("-O1", "-w", *includes, str(HARNESS), "-Wl,--no-as-needed", *map(str, libraries)),
        *(f"-Wl,-rpath,{bundle}", f"-Wl,-rpath-link,{bundle}"),
    ]


def _call(command: Sequence[str], what: str, todo: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FatalError(what, _complaint(done), todo)


def _complaint(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return lines[-1].removeprefix("error: ")


def _tensors(images: Path, manifest: Manifest) -> NDArray[np.float32]:
    """The folder *images* as the network takes them, [n, 3, height, width]."""
    files = image_files([images])
    tensors = np.empty((len(files), *manifest.input.shape[1:]), np.float32)
    for i, path in enumerate(files):
        prepare(read_image(path), tensors[i : i + 1], manifest.preprocess)
    return tensors


def _plates(logits: NDArray[np.float32], manifest: Manifest) -> tuple[str, ...]:
    return tuple(greedy(one, manifest.alphabet, manifest.blank).text for one in logits)
