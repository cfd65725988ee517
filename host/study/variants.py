"""The table's rows: ways to run a network, each made ready in a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from device_runtime.bundle.manifest import read_manifest
from host.bench.runtimes import OURS, TORCH_INT8, TVM_VM, torch_peer
from host.bench.runtimes import Source as BenchSource
from host.bench.runtimes import torch_int8_peer as torch_int8
from host.build import Request, build
from host.kernels.int8 import Int8
from host.kernels.select import microkernel_for
from host.network.simplify import simplify
from host.network.work import published_work
from host.prune.recalibrate import recalibrate
from host.prune.unstructured import compressed_size, prune_weights, sparsity_of
from host.quantize import quantize
from host.quantize.calibration import read_samples
from host.study.baseline import Schedule, write_module
from host.study.schema import EAGER, UNTUNED
from host.study.untrained import rendered
from host.targets.profile import Target
from lprnet.network.checkpoint import load_checkpoint, save_checkpoint

SPARSITY = 0.7
"""Of the unstructured row."""

Kind = Literal["eager", "sparse", "eager int8", "baseline", "bundle"]


@dataclass(frozen=True)
class Way:
    """A row before it is made.

    Attributes:
        name: the row's.
        network: which of the source's networks; empty for the unpruned one.
        schedule: of a baseline.
        precision: of a bundle.
    """

    name: str
    kind: Kind
    network: str = ""
    schedule: Schedule = "default"
    precision: str = "fp32"


@dataclass(frozen=True)
class Source:
    """What a table is made from.

    Attributes:
        weights: what the rows call the checkpoint.
        networks: checkpoints by name, the unpruned one's being empty; the others are pruned from it.
        notes: on a pruned network, by its name.
        calibration: folder of images for int8.
        trials: measurements that MetaSchedule may make, earlier runs' included.
    """

    weights: str
    networks: Mapping[str, Path]
    target: Target
    calibration: Path
    trials: int
    notes: Mapping[str, str]


class Made(msgspec.Struct, frozen=True):
    """A way made ready: which of `host.bench`'s runtimes loads its folder, and the row's static columns."""

    runtime: str
    precision: str
    bytes: int
    parameters: int
    macs: int
    note: str = ""


def ways(networks: Mapping[str, Path]) -> list[Way]:
    """All rows of one checkpoint, in the order of the table."""
    pruned = [name for name in networks if name]
    return [
        Way(EAGER, "eager"),
        Way("PyTorch, pruned (unstructured)", "sparse"),
        *(Way(f"PyTorch, pruned (structured, {name})", "eager", name) for name in pruned),
        Way("PyTorch, quantized", "eager int8"),
        *(Way(f"PyTorch, pruned and quantized ({name})", "eager int8", name) for name in pruned),
        Way(UNTUNED, "baseline", schedule="default"),
        Way("TVM, graph-level transformation", "baseline", schedule="graph"),
        Way("TVM, MetaSchedule's generic search", "baseline", schedule="metaschedule"),
        Way("TVM, own tuned kernels", "bundle"),
        Way("TVM, own tuned kernels, quantized", "bundle", precision="int8"),
        *(Way(f"everything together ({name})", "bundle", name, precision="int8") for name in pruned),
    ]


def make(way: Way, source: Source, folder: Path) -> Made:
    """Make *way* ready in the empty *folder*.

    Raises:
        FatalError: of the build.
    """
    checkpoint = source.networks[way.network]
    note = source.notes.get(way.network, "")
    match way.kind:
        case "eager":
            return _eager(checkpoint, folder, checkpoint.stat().st_size, note)
        case "sparse":
            return _sparse(checkpoint, folder)
        case "eager int8":
            return _eager_int8(checkpoint, source, folder, note)
        case "baseline":
            return _baseline(checkpoint, way, source, folder)
        case "bundle":
            return _bundle(checkpoint, way, source, folder, note)


def _eager(checkpoint: Path, folder: Path, size: int, note: str) -> Made:
    torch_peer.convert(BenchSource(checkpoint, Path(), "native", ""), "fp32", folder)
    work = published_work(load_checkpoint(checkpoint))
    return Made("torch", "fp32", size, work.parameters, work.macs, note)


def _sparse(checkpoint: Path, folder: Path) -> Made:
    whole = load_checkpoint(checkpoint)
    sparse = recalibrate(prune_weights(whole, SPARSITY), rendered(whole.alphabet))
    file = folder / "sparse.safetensors"
    save_checkpoint(file, sparse.state, sparse.alphabet)
    note = f"{sparsity_of(sparse.state):.0%} of the weights zero, not trained on; size after DEFLATE"
    return _eager(file, folder, compressed_size(sparse.state), note)


def _eager_int8(checkpoint: Path, source: Source, folder: Path, note: str) -> Made:
    microkernel = microkernel_for(source.target, "int8")
    assert isinstance(microkernel, Int8)
    network = simplify(load_checkpoint(checkpoint))
    samples = read_samples(source.calibration)
    size = torch_int8.save(quantize(network, samples, int8_sums=microkernel.int8_sums), folder)
    return Made(TORCH_INT8, "int8", size, network.parameters, network.macs, note)


def _baseline(checkpoint: Path, way: Way, source: Source, folder: Path) -> Made:
    whole = load_checkpoint(checkpoint)
    size = write_module(whole, source.target, way.schedule, source.trials, folder)
    note = f"{source.trials} measurements of all its operators" if way.schedule == "metaschedule" else ""
    if way.schedule == "graph":
        network = simplify(whole)
        return Made(TVM_VM, "fp32", size, network.parameters, network.macs, note)
    work = published_work(whole)
    return Made(TVM_VM, "fp32", size, work.parameters, work.macs, note)


def _bundle(checkpoint: Path, way: Way, source: Source, folder: Path, note: str) -> Made:
    bundle = build(
        Request(
            target=source.target,
            output=folder / "bundle",
            checkpoint=checkpoint,
            precision=way.precision,
            calibration=source.calibration,
        )
    )
    # Loaded from the folder itself; nothing but the bundle is in it.
    for path in bundle.iterdir():
        shutil.move(path, folder / path.name)
    bundle.rmdir()
    manifest = read_manifest(folder)
    notes = "; ".join(filter(None, (note, manifest.schedule.text)))
    size = manifest.files["model.so"].bytes
    return Made(OURS, way.precision, size, manifest.parameters, manifest.macs, notes)
