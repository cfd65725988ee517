"""Weights + target → bundle: the steps in order, each announced and timed."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
import tvm
from tvm import relax

from device_runtime import __version__
from device_runtime.bundle.golden import FILE, Golden
from device_runtime.bundle.golden import encode as encode_golden
from device_runtime.bundle.manifest import (
    CheckpointInfo,
    InputInfo,
    Manifest,
    OutputInfo,
    TargetInfo,
    Versions,
)
from device_runtime.errors import FatalError
from device_runtime.read.preprocess import DEFAULT
from host.bundle.folder import copy_device_package, describe_files, replacing, write_manifest
from host.bundle.golden import Reference, golden
from host.compile.baselines import TRIALS, Baseline, compile_baseline
from host.compile.executable import compile_kernels
from host.compile.link import Linker, archive, linker_for
from host.kernels.bfloat16 import BFloat16
from host.kernels.int8 import Int8
from host.kernels.microkernel import MicroKernel
from host.kernels.select import microkernel_for
from host.lower.module import lower
from host.lower.tuned import read_for
from host.network.graph import Conv, MaxPool, Network
from host.network.graph import run as run_float
from host.network.integer import QuantizedNetwork
from host.network.integer import run as run_quantized
from host.network.simplify import simplify
from host.network.work import published_work
from host.paths import SAMPLES
from host.quantize import Options, quantize
from host.quantize.calibration import read_samples
from host.runtime_libs import RuntimeLibs, runtime_libs
from host.targets.profile import Target
from lprnet import weights
from lprnet.network.checkpoint import Checkpoint, load_checkpoint

Log = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What to build.

    Attributes:
        precision: None means the target's recipe.
        calibration: what int8 ranges are taken from, see `host.quantize.calibration.read_samples`.
        quantization: how.
        schedule: `tuned`: the kernels of `host.kernels`; else what `host.compile.baselines` has, of the
            network as published, in fp32.
        trials: measurements of MetaSchedule, those in its database included.
    """

    target: Target
    output: Path
    checkpoint: Path = weights.DEFAULT
    precision: str | None = None
    calibration: Path = SAMPLES
    quantization: Options = field(default_factory=Options)
    schedule: Literal["tuned"] | Baseline = "tuned"
    trials: int = TRIALS


@dataclass(frozen=True, eq=False)
class Compiled:
    """A network compiled for a target, and what a board must compute with it."""

    executable: relax.VMExecutable
    golden: Golden
    precision: str
    schedule: str
    macs: int
    parameters: int
    steps: int


def build(request: Request, log: Log | None = None) -> Path:
    """Build a bundle and return its folder.

    The same checkpoint, profile and versions give the same bytes; with MetaSchedule, the same database, too.

    Raises:
        FatalError: any step's; an older bundle of that name is then untouched.
    """
    steps = _Steps(log or (lambda line: print(line, file=sys.stderr)))
    target, schedule = request.target, request.schedule
    precision = request.precision or target.recipe.precision
    if schedule != "tuned" and precision != "fp32":
        raise FatalError(f"--schedule {schedule}", f"has no {precision}", "use --precision fp32")
    with steps("load weights"):
        checkpoint = load_checkpoint(request.checkpoint)
    with steps("find linker and runtime"):
        linker = linker_for(target)
        libraries = runtime_libs(target)
    if schedule == "tuned":
        compiled = compile_network(checkpoint, request, precision, steps)
    else:
        compiled = compile_published(checkpoint, target, schedule, request.trials, steps)
    with steps("write bundle"), replacing(request.output) as folder:
        _write(folder, request, checkpoint, compiled, linker, libraries)
    steps.done(request.output)
    return request.output


def compile_network(checkpoint: Checkpoint, request: Request, precision: str, steps: _Steps) -> Compiled:
    """The network of *checkpoint* in *precision* as an executable for the target of *request*."""
    target = request.target
    microkernel = microkernel_for(target, precision)
    with steps("simplify"):
        network = simplify(checkpoint)
    computed: Network | QuantizedNetwork = network
    if isinstance(microkernel, Int8):
        with steps("quantize"):
            samples = read_samples(request.calibration)
            computed = quantize(network, samples, request.quantization, microkernel.int8_sums)
    with steps(f"lower to {microkernel.name} kernels"):
        lowered = lower(computed, microkernel, read_for(target))
    with steps(f"compile for {target.llvm.mcpu}"):
        executable = compile_kernels(lowered.module, tvm.target.Target(target.tvm_target()))
    with steps("golden outputs"):
        expected = golden(_reference(computed, microkernel), GOLDEN_ATOLS.get(precision, GOLDEN_ATOL))
    tuned = [c.tuned for c in lowered.convolutions]
    schedule = f"{sum(tuned)} of {len(tuned)} convolutions tuned"
    steps.note(schedule)
    return Compiled(
        executable, expected, precision, schedule, network.macs, network.parameters, network.steps
    )


def compile_published(
    checkpoint: Checkpoint, target: Target, schedule: Baseline, trials: int, steps: _Steps
) -> Compiled:
    """The network of *checkpoint* as published, in fp32, under TVM's own *schedule* for *target*."""
    network = simplify(checkpoint)
    with steps(f"compile for {target.llvm.mcpu} ({schedule})"):
        executable = compile_baseline(checkpoint.model(), target, schedule, trials)
    with steps("golden outputs"):
        expected = golden(lambda image: run_float(network, image), GOLDEN_ATOL)
    description = "TVM's default pipeline, untuned"
    if schedule == "metaschedule":
        description = f"MetaSchedule's generic search, {trials} measurements"
    steps.note(description)
    work = published_work(checkpoint)
    return Compiled(executable, expected, "fp32", description, work.macs, work.parameters, network.steps)


def _reference(network: Network | QuantizedNetwork, microkernel: MicroKernel) -> Reference:
    if isinstance(network, QuantizedNetwork):
        return lambda image: run_quantized(network, image.float())
    if isinstance(microkernel, BFloat16):
        return in_bfloat16(network)
    return lambda image: run_float(network, image)


def in_bfloat16(network: Network) -> Reference:
    """*network* with weights and maps rounded where `BFloat16` kernels read them; their sums are fp32."""

    def rounded(x: torch.Tensor) -> torch.Tensor:
        return x.bfloat16().to(x.dtype)

    def stored(layer: Conv | MaxPool) -> Conv | MaxPool:
        if not isinstance(layer, Conv) or layer is network.convs[0]:
            return layer
        return replace(layer, weight=rounded(torch.from_numpy(layer.weight)).numpy())

    network = replace(network, layers=tuple(map(stored, network.layers)))
    return lambda image: run_float(network, image, rounded)


GOLDEN_ATOL = 2e-3
"""How far the order of fp32 additions may move a logit; logits reach some tens. Integers must be equal."""
GOLDEN_ATOLS = {"fp16": 0.5, "bf16": 0.5}
"""The same where more is rounded: sums to fp16, 0.2 was the most on 79 plates; maps to bfloat16, 0.11
was the most on 60."""


def _write(
    folder: Path,
    request: Request,
    checkpoint: Checkpoint,
    compiled: Compiled,
    linker: Linker,
    libraries: RuntimeLibs,
) -> None:
    compiled.executable.export_library(str(folder / "model.so"), fcompile=linker.fcompile)
    compiled.executable.export_library(str(folder / "model.tar"), fcompile=archive)
    (folder / FILE).write_bytes(encode_golden(compiled.golden))
    shutil.copyfile(libraries.tvm_runtime, folder / "libtvm_runtime.so")
    shutil.copyfile(libraries.tvm_ffi, folder / "libtvm_ffi.so")
    copy_device_package(folder)
    (folder / "README.md").write_text(_README.format(target=request.target, steps=compiled), encoding="utf-8")
    write_manifest(folder, _manifest(folder, request, checkpoint, compiled, linker))


def _manifest(
    folder: Path, request: Request, checkpoint: Checkpoint, compiled: Compiled, linker: Linker
) -> Manifest:
    target, alphabet = request.target, checkpoint.alphabet
    return Manifest(
        created_by=f"lpr-edge {__version__}",
        target=TargetInfo(
            name=target.name,
            display_name=target.display_name,
            arch=target.arch,  # type: ignore[arg-type]
            triple=target.llvm.mtriple,
            cpu=target.llvm.mcpu,
            cpu_features=target.cpu_features,
            glibc=target.glibc,
        ),
        alphabet=alphabet.characters,
        blank=alphabet.blank,
        input=InputInfo((1, 3, DEFAULT.height, DEFAULT.width), "float32", "NCHW"),
        output=OutputInfo((1, len(alphabet), compiled.steps), "float32", "NCT"),
        preprocess=DEFAULT,
        precision=compiled.precision,
        schedule=compiled.schedule,
        versions=Versions(tvm.__version__, importlib.metadata.version("apache-tvm-ffi"), linker.describe()),
        checkpoint=CheckpointInfo(request.checkpoint.name, checkpoint.sha256),
        macs=compiled.macs,
        parameters=compiled.parameters,
        files=describe_files(folder),
        golden=compiled.golden.info,
    )


class _Steps:
    """Announces steps and how long each took."""

    def __init__(self, log: Log) -> None:
        self._log, self._start = log, time.monotonic()

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._log(f"  {what:<34} {time.monotonic() - start:6.1f} s")

    def note(self, line: str) -> None:
        self._log(f"  {line}")

    def done(self, output: Path) -> None:
        size = sum(p.stat().st_size for p in output.iterdir() if p.is_file())
        self._log(f"  {output}: {size / 1e6:.1f} MB in {time.monotonic() - self._start:.1f} s")


_README = """\
# License-plate reader for {target.display_name}

Copy this folder to the board, then:

    sh install.sh
    ./venv/bin/lpr-run --camera 0

`install.sh` needs Python 3.10 or newer with its venv module, and reaches PyPI once. It ends with a check
that the module computes here what it computed on the host. `./venv/bin/lpr-run --help` lists the rest:
reading files, measuring accuracy and speed, writing a report for `lpr-host report`.

| file | what |
| --- | --- |
| model.so | the network, {steps.precision}, for {target.llvm.mcpu}; glibc {target.glibc} or newer |
| model.tar | the same as objects, linked by install.sh where model.so cannot be loaded |
| libtvm_runtime.so, libtvm_ffi.so | the runtime; there is no compiler in it |
| manifest.json | what is in here: hashes, alphabet, preprocessing, versions |
| golden.bin | inputs and outputs for the self-check |
| reports/ | put the board's reports here on the host |
"""
