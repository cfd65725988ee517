"""Instructions per inference on emulated ARM boards, batch 1, one thread.

Every runtime is called as a Python program on the board calls it, ours through its C ABI. All instructions
from the call to its return count, the engine's and the interpreter's too; loading and the first two
inferences do not.
"""

from __future__ import annotations

import logging
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from device_runtime import __version__
from device_runtime.errors import FatalError
from host.bench import models
from host.bench.client import WorkerError
from host.bench.data import load_images
from host.bench.instructions import peer as peer_guest
from host.bench.instructions.root import peer_root
from host.bench.instructions.schema import InstructionBench, InstructionRow
from host.bench.models import Configuration, Place
from host.bench.runtimes import OURS, RUNTIMES, ModelSource
from host.build import Request, build
from host.emulate.count import Counts, qemu_with_plugins
from host.emulate.inference import count_bundles, count_inference
from host.quantize.calibration import CALIBRATION_IMAGES
from host.targets.profile import Target
from host.targets.read import load_target
from host.tune.cycles import core_of, cycles
from lprnet.network.checkpoint import load_checkpoint

CASES = (("rpi4", "fp32"), ("rpi4", "int8"), ("rpi5", "fp32"), ("rpi5", "fp16"), ("rpi5", "int8"))
"""Target and precision: a core without half arithmetic and dot products, and one with them."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class InstructionRequest:
    """What to count.

    Attributes:
        precisions: cases of others are left out.
        calibration: folder of images that everybody's int8 is calibrated on.
        python: interpreter that has the peers' packages for this machine, which convert their models.
    """

    peers: tuple[str, ...]
    precisions: tuple[str, ...]
    weights: Path
    calibration: Path
    python: Path
    cache: Path


def run(request: InstructionRequest) -> InstructionBench:
    """Count every case of *request*; what cannot be counted becomes a row with an `error`.

    Raises:
        FatalError: the weights or the images are at fault, or the emulator is missing.
    """
    checkpoint = load_checkpoint(request.weights)
    cases = [(load_target(name), precision) for name, precision in CASES if precision in request.precisions]
    version = emulator()
    rows = _count_ours(request, cases)
    versions = models.installed(request.python) if request.peers else {}
    for name in request.peers:
        rows += count_peer(request, name, cases, versions)
    return InstructionBench(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        emulator=version,
        checkpoint=request.weights.name,
        checkpoint_sha256=checkpoint.sha256,
        rows=tuple(rows),
    )


def emulator() -> str:
    """QEMU's name and version.

    Raises:
        FatalError: it is missing, or takes no plugins.
    """
    qemu = qemu_with_plugins(load_target(CASES[0][0]))
    return subprocess.run(
        [qemu, "--version"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]


def _count_ours(request: InstructionRequest, cases: Sequence[tuple[Target, str]]) -> list[InstructionRow]:
    """Those of one target are counted in one process."""
    rows = []
    for name in dict.fromkeys(target.name for target, _ in cases):
        mine = [(target, precision) for target, precision in cases if target.name == name]
        with tempfile.TemporaryDirectory(prefix="count-") as folder:
            bundles = [
                build(
                    Request(
                        target=target,
                        output=Path(folder) / precision,
                        checkpoint=request.weights,
                        precision=precision,
                        calibration=request.calibration,
                        locator=None,
                    )
                )
                for target, precision in mine
            ]
            target = mine[0][0]
            LOG.info("counting: %s on %s", OURS, target.emulate_cpu)
            for (_, precision), counts in zip(mine, count_bundles(bundles, target), strict=True):
                rows.append(_row(Configuration(OURS, precision), target, counts, __version__))
    return rows


def count_peer(
    request: InstructionRequest,
    peer: str,
    cases: Sequence[tuple[Target, str]],
    versions: Mapping[str, str],
) -> list[InstructionRow]:
    """Rows of *peer*, of those *cases* whose precision it has.

    Args:
        versions: of the installed distributions.
    """
    spec, rows = RUNTIMES[peer], []
    images = load_images((request.calibration,), CALIBRATION_IMAGES).save(request.cache / "inputs")
    source = ModelSource(checkpoint=request.weights, calibration=images, isa="native", target="native")
    place = Place(request.python, "native", None)
    for target, precision in cases:
        if precision not in spec.precisions:
            continue
        LOG.info("counting: %s %s on %s", peer, precision, target.emulate_cpu)
        configuration = Configuration(peer, precision)
        try:
            model = models.prepare(configuration, source, place, versions, request.cache)
            distribution = spec.distributions[precision][0]
            root = peer_root(distribution, versions[distribution], target, request.cache)
            arguments = [spec.module, precision, str(model.folder.resolve())]
            counts = count_inference(peer_guest, arguments, target, root)
            rows.append(_row(configuration, target, counts, model.version, model.note))
        except (WorkerError, FatalError) as error:
            cpu = str(target.emulate_cpu)
            rows.append(InstructionRow(runtime=peer, precision=precision, cpu=cpu, error=str(error)))
    return rows


def _row(
    configuration: Configuration, target: Target, counts: Counts, version: str, note: str | None = None
) -> InstructionRow:
    core = core_of(target)
    return InstructionRow(
        runtime=configuration.runtime,
        precision=configuration.precision,
        cpu=str(target.emulate_cpu),
        instructions=counts.total,
        cycles=None if core is None else round(cycles(counts, core)),
        version=version,
        note=note,
    )
