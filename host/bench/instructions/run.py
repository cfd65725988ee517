"""Instructions per inference on emulated ARM boards, batch 1, one thread.

Every runtime is called as a Python program on the board calls it, ours through its C ABI. All instructions
from the call to its return count, the engine's and the interpreter's too; loading and the first two
inferences do not.
"""

from __future__ import annotations

import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from device_runtime import __version__
from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from host.bench import models
from host.bench.client import WorkerError
from host.bench.data import load_images
from host.bench.measure import Log
from host.bench.models import Place, Variant
from host.bench.runtimes import OURS, RUNTIMES, Source
from host.build import Request as BuildRequest
from host.build import build
from host.cache import cached
from host.emulate.count import Counts, emulator
from host.emulate.inference import count_guest, count_inference
from host.emulate.root import PYTHON, Root, root_for
from host.quantize.calibration import CALIBRATION_IMAGES
from host.runtime_libs.wheels import download_wheels
from host.targets.profile import Target
from host.targets.read import load_target
from host.tune.cycles import core_of, cycles
from lprnet.network.checkpoint import load_checkpoint

FILE = "arm.json"
GUEST = Path(__file__).with_name("guest.py")
CASES = (("rpi4", "fp32"), ("rpi4", "int8"), ("rpi5", "fp32"), ("rpi5", "fp16"), ("rpi5", "int8"))
"""Target and precision: a core without half arithmetic and dot products, and one with them."""
PEERS = ("ncnn", "litert", "onnxruntime")
"""Those with aarch64 wheels."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One runtime at one precision on one CPU; without `instructions`, `error` says why.

    instructions: executed for one inference.
    cycles: estimated from their classes and the core's issue rates (`host.tune.cycles`).
    """

    runtime: str
    precision: str
    cpu: str
    instructions: int | None = None
    cycles: int | None = None
    version: str | None = None
    note: str | None = None
    error: str | None = None


class ArmBench(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All counts; `created` is UTC, ISO 8601."""

    schema_version: int = 1
    created: str
    emulator: str
    checkpoint: str
    checkpoint_sha256: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Request:
    """What to count.

    Args:
        calibration: folder of images that everybody's int8 is calibrated on.
        python: interpreter that has the peers' packages for this machine, which convert their models.
    """

    peers: tuple[str, ...]
    precisions: tuple[str, ...]
    weights: Path
    calibration: Path
    python: Path
    cache: Path


def run(request: Request, log: Log) -> ArmBench:
    """Count every case of *request*; what cannot be counted becomes a row with an `error`.

    Raises:
        FatalError: the weights or the images are at fault, or the emulator is missing.
    """
    checkpoint = load_checkpoint(request.weights)
    cases = [(load_target(name), precision) for name, precision in CASES if precision in request.precisions]
    qemu = emulator(load_target(CASES[0][0]))
    version = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True).stdout
    rows = []
    for target, precision in cases:
        log(f"counting: {OURS} {precision} on {target.emulate_cpu}")
        rows.append(_ours(request, target, precision))
    versions = models.installed(request.python) if request.peers else {}
    for peer in request.peers:
        rows += count_peer(request, peer, cases, log, versions)
    return ArmBench(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        emulator=version.splitlines()[0],
        checkpoint=request.weights.name,
        checkpoint_sha256=checkpoint.sha256,
        rows=tuple(rows),
    )


def write(folder: Path, bench: ArmBench) -> Path:
    """Write `arm.json` into *folder* in one step and return its path."""
    path = folder / FILE
    write_atomic(path, msgspec.json.format(msgspec.json.encode(bench), indent=2) + b"\n")
    return path


def markdown(bench: ArmBench) -> str:
    """The rows, fewest instructions first for every CPU and precision; those without a count at the end."""
    lines = [
        "| runtime | precision | CPU | M instructions | M cycles, estimated |",
        "| --- | --- | --- | ---: | ---: |",
    ]
    counted = [row for row in bench.rows if row.instructions is not None]
    for row in sorted(counted, key=lambda r: (r.cpu, r.precision, r.instructions)):
        estimate = "" if row.cycles is None else f"{row.cycles / 1e6:.1f}"
        count = f"{(row.instructions or 0) / 1e6:.1f}"
        lines.append(f"| {row.runtime} | {row.precision} | {row.cpu} | {count} | {estimate} |")
    failed = [row for row in bench.rows if row.instructions is None]
    lines += [""] * bool(failed)
    lines += [f"- {row.runtime} {row.precision} on {row.cpu}: {row.error}" for row in failed]
    return "\n".join(lines)


def _ours(request: Request, target: Target, precision: str) -> Row:
    with tempfile.TemporaryDirectory(prefix="bench-arm-") as folder:
        bundle = Path(folder) / "bundle"
        build(
            BuildRequest(
                target=target,
                output=bundle,
                checkpoint=request.weights,
                precision=precision,
                calibration=request.calibration,
            )
        )
        return _row(OURS, precision, target, count_inference(bundle, target), __version__, None)


def _row(runtime: str, precision: str, target: Target, counts: Counts, version: str, note: str | None) -> Row:
    core = core_of(target)
    return Row(
        runtime=runtime,
        precision=precision,
        cpu=str(target.emulate_cpu),
        instructions=counts.total,
        cycles=None if core is None else round(cycles(counts, core)),
        version=version,
        note=note,
    )


def count_peer(
    request: Request,
    peer: str,
    cases: Sequence[tuple[Target, str]],
    log: Log,
    versions: Mapping[str, str],
) -> list[Row]:
    """Rows of *peer*; *versions* are of the installed distributions."""
    spec, rows = RUNTIMES[peer], []
    images = load_images((request.calibration,), CALIBRATION_IMAGES).save(request.cache / "inputs")
    source = Source(request.weights, images, "native", "native")
    for target, precision in cases:
        if precision not in spec.precisions:
            continue
        log(f"counting: {peer} {precision} on {target.emulate_cpu}")
        try:
            model = models.prepare(
                Variant(peer, precision),
                source,
                Place(request.python, "native", None),
                versions,
                request.cache,
            )
            distribution = spec.distributions[precision][0]
            root = guest_root(distribution, versions[distribution], target, request.cache)
            arguments = [spec.module, precision, str(model.folder.resolve())]
            counts = count_guest(GUEST, arguments, target, root)
            rows.append(_row(peer, precision, target, counts, model.version, model.note))
        except (WorkerError, FatalError) as error:
            rows.append(Row(runtime=peer, precision=precision, cpu=str(target.emulate_cpu), error=str(error)))
    return rows


def guest_root(distribution: str, version: str, target: Target, cache: Path) -> Root:
    """The board's root with *distribution* too, and with its processor's /proc/cpuinfo."""
    root, cpuinfo = root_for(target.arch), _cpuinfo(target)
    key = sha256(f"{root.path.name} {distribution} {version} {cpuinfo}".encode()).hexdigest()[:12]

    def fill(folder: Path) -> None:
        for entry in root.path.iterdir():
            if entry.name not in ("opt", "proc"):
                (folder / entry.name).symlink_to(entry.resolve())
        packages = folder / "opt" / "packages"
        packages.mkdir(parents=True)
        for entry in root.packages.iterdir():
            (packages / entry.name).symlink_to(entry.resolve())
        with tempfile.TemporaryDirectory() as scratch:
            for wheel in download_wheels([f"{distribution}=={version}"], target.arch, PYTHON, Path(scratch)):
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(packages)
        (folder / "proc").mkdir()
        (folder / "proc" / "cpuinfo").write_text(cpuinfo)

    return Root(cached(cache / f"arm-root-{key}", fill), target.arch, root.system)


def _cpuinfo(target: Target) -> str:
    """What peers choose their kernels by, for the one core of an inference on one thread."""
    fields = {
        "processor": "0",
        "Features": " ".join(target.cpu_features),
        "CPU implementer": "0x41",
        "CPU architecture": "8",
        "CPU variant": "0x0",
        "CPU part": _PARTS[str(target.emulate_cpu)],
        "CPU revision": "3",
    }
    return "".join(f"{name}\t: {value}\n" for name, value in fields.items())


_PARTS = {"cortex-a72": "0xd08", "cortex-a76": "0xd0b"}
"""Arm's numbers for its cores (MIDR_EL1.PartNum in their technical reference manuals)."""
