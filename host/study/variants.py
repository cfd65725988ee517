"""The table's rows: variants of a network, each made into an artifact in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from device_runtime.bundle.manifest import read_manifest
from host.bench.runtimes import BUNDLE, OURS, TORCH_INT8, TVM_VM, ModelSource, torch_int8_peer, torch_peer
from host.build import Request, build
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


@dataclass(frozen=True, kw_only=True)
class Variant:
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

    @property
    def calibrated(self) -> bool:
        """Whether calibration images decide what it computes."""
        return self.precision == "int8" or self.kind == "eager int8"


@dataclass(frozen=True, kw_only=True)
class VariantSource:
    """What the rows of one set of weights are made from.

    Attributes:
        weights: what the rows call the checkpoint.
        networks: checkpoints by name, the unpruned one's being empty; the others are pruned from it.
        notes: on a pruned network, by its name.
        calibration: `.npy` file of float32[N,3,24,94] for int8.
        trials: measurements that MetaSchedule may make, earlier runs' included.
    """

    weights: str
    networks: Mapping[str, Path]
    target: Target
    calibration: Path
    trials: int
    notes: Mapping[str, str]


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """What a variant was made into: which of `host.bench`'s runtimes loads it, and the row's static columns.

    Attributes:
        bytes: on disk, without the runtime.
        parameters, macs: of the network as it computes it, an image.
    """

    runtime: str
    precision: str
    bytes: int
    parameters: int
    macs: int
    note: str = ""

    def model(self, folder: Path) -> Path:
        """What is loaded of the *folder* that the artifact is in."""
        return folder / BUNDLE if self.runtime == OURS else folder


def variants(networks: Mapping[str, Path]) -> list[Variant]:
    """All rows of one checkpoint, in the order of the table."""
    pruned = [name for name in networks if name]
    return [
        Variant(name=EAGER, kind="eager"),
        Variant(name="PyTorch, pruned (unstructured)", kind="sparse"),
        *(Variant(name=f"PyTorch, pruned (structured, {n})", kind="eager", network=n) for n in pruned),
        Variant(name="PyTorch, quantized", kind="eager int8"),
        *(Variant(name=f"PyTorch, pruned and quantized ({n})", kind="eager int8", network=n) for n in pruned),
        Variant(name=UNTUNED, kind="baseline", schedule="default"),
        Variant(name="TVM, graph-level transformation", kind="baseline", schedule="graph"),
        Variant(name="TVM, MetaSchedule's generic search", kind="baseline", schedule="metaschedule"),
        Variant(name="TVM, own tuned kernels", kind="bundle"),
        Variant(name="TVM, own tuned kernels, quantized", kind="bundle", precision="int8"),
        *(
            Variant(name=f"everything together ({n})", kind="bundle", network=n, precision="int8")
            for n in pruned
        ),
    ]


def make(variant: Variant, source: VariantSource, folder: Path) -> Artifact:
    """Make *variant* in the empty *folder*.

    Raises:
        FatalError: of the build.
    """
    checkpoint = source.networks[variant.network]
    note = source.notes.get(variant.network, "")
    match variant.kind:
        case "eager":
            return _eager(checkpoint, folder, checkpoint.stat().st_size, note)
        case "sparse":
            return _sparse(checkpoint, folder)
        case "eager int8":
            return _eager_int8(checkpoint, source, folder, note)
        case "baseline":
            return _baseline(checkpoint, variant, source, folder)
        case "bundle":
            return _bundle(checkpoint, variant, source, folder, note)


def _eager(checkpoint: Path, folder: Path, size: int, note: str) -> Artifact:
    source = ModelSource(checkpoint=checkpoint, calibration=Path(), isa="native", target="")
    torch_peer.convert(source, "fp32", folder)
    work = published_work(load_checkpoint(checkpoint))
    return Artifact(
        runtime="torch",
        precision="fp32",
        bytes=size,
        parameters=work.parameters,
        macs=work.macs,
        note=note,
    )


def _sparse(checkpoint: Path, folder: Path) -> Artifact:
    whole = load_checkpoint(checkpoint)
    sparse = recalibrate(prune_weights(whole, SPARSITY), rendered(whole.alphabet))
    file = folder / "sparse.safetensors"
    save_checkpoint(file, sparse.state, sparse.alphabet)
    note = f"{sparsity_of(sparse.state):.0%} of the weights zero, not trained on; size after DEFLATE"
    return _eager(file, folder, compressed_size(sparse.state), note)


def _eager_int8(checkpoint: Path, source: VariantSource, folder: Path, note: str) -> Artifact:
    microkernel = microkernel_for(source.target, "int8")
    network = simplify(load_checkpoint(checkpoint))
    quantized = quantize(network, read_samples(source.calibration), int8_sums=microkernel.int8_sums)
    return Artifact(
        runtime=TORCH_INT8,
        precision="int8",
        bytes=torch_int8_peer.save(quantized, folder),
        parameters=network.parameters,
        macs=network.macs,
        note=note,
    )


def _baseline(checkpoint: Path, variant: Variant, source: VariantSource, folder: Path) -> Artifact:
    whole = load_checkpoint(checkpoint)
    size = write_module(whole, source.target, variant.schedule, source.trials, folder)
    searched = variant.schedule == "metaschedule"
    work = simplify(whole) if variant.schedule == "graph" else published_work(whole)
    return Artifact(
        runtime=TVM_VM,
        precision="fp32",
        bytes=size,
        parameters=work.parameters,
        macs=work.macs,
        note=f"{source.trials} measurements of all its operators" if searched else "",
    )


def _bundle(checkpoint: Path, variant: Variant, source: VariantSource, folder: Path, note: str) -> Artifact:
    request = Request(
        target=source.target,
        output=folder / BUNDLE,
        checkpoint=checkpoint,
        precision=variant.precision,
        calibration=source.calibration,
        locator=None,
    )
    manifest = read_manifest(build(request))
    return Artifact(
        runtime=OURS,
        precision=variant.precision,
        bytes=manifest.files["model.so"].bytes,
        parameters=manifest.parameters,
        macs=manifest.macs,
        note="; ".join(filter(None, (note, manifest.schedule.text))),
    )
