"""Weights + target → bundle: the recipe, a line a step."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal

import tvm

from device_runtime.bundle.manifest import CheckpointInfo, ScheduleInfo
from device_runtime.bundle.verify import sha256_of
from device_runtime.errors import FatalError
from host.bundle.contents import Compiled, CompiledLocator, Contents
from host.bundle.folder import check_space, replacing
from host.bundle.golden import golden, reference
from host.bundle.locator_golden import golden_maps, graph_reference
from host.bundle.sign import load_key, sign
from host.bundle.write import write_contents
from host.compile.baselines import TRIALS, Baseline, compile_baseline
from host.compile.executable import compile_kernels
from host.compile.link import linker_for
from host.kernels.select import microkernel_for
from host.lower.graphs import lower_graphs
from host.lower.module import lower
from host.lower.tuned import read_for
from host.network.conv_graph import ConvGraph, QuantizedGraph
from host.network.graph import Network
from host.network.int8_sums import Int8Sums
from host.network.integer import QuantizedNetwork
from host.network.locator import find_graph, refine_graph
from host.network.simplify import simplify
from host.network.work import published_work
from host.precision import PRECISIONS
from host.quantize import Options, quantize
from host.quantize.calibration import read_samples, samples_for
from host.quantize.graph import quantize_graph
from host.quantize.kept import FOLDER, kept
from host.quantize.outputs import find_error, refine_error
from host.quantize.scenes import scene_samples, view_samples
from host.runtime_libs import runtime_libs
from host.targets.profile import Target
from lprnet import weights
from lprnet.console import timed
from lprnet.locator.checkpoint import load_weights
from lprnet.network.checkpoint import UNSAID, Checkpoint, Source, load_checkpoint

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to build.

    Attributes:
        output: the bundle's folder; an older bundle there is replaced.
        checkpoint: weights; None means the network that the target's recipe names.
        precision: None means the target's recipe; fp32 with a schedule of `host.compile.baselines`.
        source: what a checkpoint from elsewhere does not say.
        calibration: what int8 ranges are taken from, see `host.quantize.calibration.read_samples`; None means
            the samples that the network can read.
        quantization: how.
        schedule: `tuned`: the kernels of `host.kernels`; else what `host.compile.baselines` has, of the
            network as published, in fp32.
        trials: measurements of MetaSchedule, those in its database included.
        locator: weights of the networks that find plates; None leaves them out, and a schedule of
            `host.compile.baselines` does.
        signing_key: file of the private key that signs the bundle; None leaves it unsigned.
        kept: folder of networks that were quantized before; None keeps none.
    """

    target: Target
    output: Path
    checkpoint: Path | None = None
    source: Source = UNSAID
    precision: str | None = None
    calibration: Path | None = None
    quantization: Options = field(default_factory=Options)
    schedule: Literal["tuned"] | Baseline = "tuned"
    trials: int = TRIALS
    locator: Path | None = weights.LOCATOR
    signing_key: Path | None = None
    kept: Path | None = FOLDER


def build(request: Request) -> Path:
    """Build a bundle and return its folder.

    The same checkpoint, profile and versions give the same bytes; with MetaSchedule, the same database, too.

    Raises:
        FatalError: any step's; an older bundle of that name is then untouched.
    """
    start, target = time.monotonic(), request.target
    key = load_key(request.signing_key) if request.signing_key else None
    LOG.info("Building %s (%s)", target.name, target.display_name)
    precision = request.precision or (target.recipe.precision if request.schedule == "tuned" else "fp32")
    path = request.checkpoint or weights.of_recipe(target.recipe.pruning)
    if request.schedule != "tuned" and precision != "fp32":
        raise FatalError(f"--schedule {request.schedule}", f"has no {precision}", "use --precision fp32")
    check_space(request.output)
    with timed("load weights", LOG):
        checkpoint = load_checkpoint(path, request.source)
    with timed("find linker and runtime", LOG):
        linker, libraries = linker_for(target), runtime_libs(target)
    if request.schedule == "tuned":
        compiled = compile_network(checkpoint, request, precision)
    else:
        compiled = compile_published(checkpoint, target, request.schedule, request.trials)
    LOG.info("  %s", compiled.schedule.text)
    if checkpoint.confidence is None:
        LOG.info(
            "  confidence: the characters' probabilities; `lprnet calibrate` makes it a share that is right"
        )
    with timed("golden outputs", LOG):
        expected = golden(
            compiled.reference,
            PRECISIONS[precision].golden_atol,
            samples_for(checkpoint.alphabet),
            checkpoint.preprocess,
        )
    locator = None
    if request.locator and request.schedule == "tuned":
        locator = compile_locator(request, request.locator, precision)
        LOG.info("  %s", locator.schedule.text)
    with timed("write bundle", LOG), replacing(request.output) as folder:
        contents = Contents(
            target=target,
            checkpoint=checkpoint,
            checkpoint_name=path.name,
            reader=weights.reader_of(path),
            compiled=compiled,
            golden=expected,
            locator=locator,
            linker=linker,
            libraries=libraries,
        )
        write_contents(folder, contents)
        if key:
            sign(folder, key)
    size = sum(path.stat().st_size for path in request.output.iterdir() if path.is_file())
    LOG.info("  %s: %.1f MB in %.1f s", request.output, size / 1e6, time.monotonic() - start)
    return request.output


def compile_network(checkpoint: Checkpoint, request: Request, precision: str) -> Compiled:
    """The network of *checkpoint* in *precision* as hand-scheduled kernels for the target of *request*."""
    target = request.target
    microkernel = microkernel_for(target, precision)
    with timed("simplify", LOG):
        network = simplify(checkpoint)
    computed: Network | QuantizedNetwork = network
    if microkernel.quantized:
        with timed("quantize", LOG):
            computed = quantize_network(network, checkpoint, request, microkernel.int8_sums)
    with timed(f"lower to {microkernel.name} kernels", LOG):
        lowered = lower(computed, microkernel, read_for(target))
    with timed(f"compile for {target.llvm.mcpu}", LOG):
        executable = compile_kernels(lowered.module, tvm.target.Target(target.tvm_target()))
    convolutions = lowered.convolutions
    return Compiled(
        executable=executable,
        reference=reference(computed, microkernel),
        precision=precision,
        schedule=ScheduleInfo(
            kind="tuned", convolutions=len(convolutions), tuned=sum(c.tuned for c in convolutions)
        ),
        macs=network.macs,
        parameters=network.parameters,
        steps=network.steps,
    )


def quantize_network(
    network: Network, checkpoint: Checkpoint, request: Request, int8_sums: Int8Sums | None
) -> QuantizedNetwork:
    """*network*, which *checkpoint* holds, in integers as *request* says; kept from one build to the next."""
    folder = request.calibration or samples_for(checkpoint.alphabet)
    samples, options = read_samples(folder, spec=checkpoint.preprocess), request.quantization
    seen = sha256(samples.tobytes()).hexdigest()
    # The same file is another network where its input is said to be another.
    parts = checkpoint.sha256, repr(request.source), seen, repr(options), repr(int8_sums)
    return kept(lambda: quantize(network, samples, options, int8_sums), *parts, folder=request.kept)


def compile_locator(request: Request, path: Path, precision: str) -> CompiledLocator:
    """The networks that find plates, with the weights in *path*, as hand-scheduled kernels for a target.

    Raises:
        FatalError: the weights are no locator's, or a precision without kernels.
    """
    target = request.target
    microkernel = microkernel_for(target, precision)
    with timed("load locator", LOG):
        model = load_weights(path)
        graphs = {"find": find_graph(model), "refine": refine_graph(model)}
    computed: dict[str, ConvGraph | QuantizedGraph] = dict(graphs)
    if sums := microkernel.int8_sums:
        with timed("quantize locator", LOG):
            parts = sha256_of(path), repr(request.quantization), repr(sums)
            computed |= kept(
                lambda: quantize_locator(graphs, request.quantization, sums), *parts, folder=request.kept
            )
    with timed(f"lower locator to {microkernel.name} kernels", LOG):
        lowered = lower_graphs(list(computed.values()), microkernel, read_for(target))
    with timed(f"compile locator for {target.llvm.mcpu}", LOG):
        executable = compile_kernels(lowered.module, tvm.target.Target(target.tvm_target()))
    with timed("golden maps", LOG):
        maps = golden_maps({name: graph_reference(graph, microkernel) for name, graph in computed.items()})
    convolutions = lowered.convolutions
    return CompiledLocator(
        executable=executable,
        find=graphs["find"],
        refine=graphs["refine"],
        golden=maps,
        atol=PRECISIONS[precision].golden_atol,
        precision=precision,
        schedule=ScheduleInfo(
            kind="tuned", convolutions=len(convolutions), tuned=sum(c.tuned for c in convolutions)
        ),
        checkpoint=CheckpointInfo(path.name, sha256_of(path)),
    )


def quantize_locator(
    graphs: Mapping[str, ConvGraph], options: Options, int8_sums: Int8Sums
) -> dict[str, QuantizedGraph]:
    """Both networks, "find" and "refine", by what rendered scenes and views of plates look like."""
    return {
        name: quantize_graph(graphs[name], samples(), options, int8_sums, error)
        for name, samples, error in (
            ("find", scene_samples, find_error),
            ("refine", view_samples, refine_error),
        )
    }


def compile_published(checkpoint: Checkpoint, target: Target, schedule: Baseline, trials: int) -> Compiled:
    """The network of *checkpoint* as published, in fp32, under TVM's own *schedule* for *target*."""
    network, work = simplify(checkpoint), published_work(checkpoint)
    with timed(f"compile for {target.llvm.mcpu} ({schedule})", LOG):
        executable = compile_baseline(checkpoint.model(), target, schedule, trials)
    return Compiled(
        executable=executable,
        reference=reference(network),
        precision="fp32",
        schedule=ScheduleInfo(
            kind=schedule,
            convolutions=work.operations["conv2d"],
            tuned=0,
            measurements=trials if schedule == "metaschedule" else 0,
        ),
        macs=work.macs,
        parameters=work.parameters,
        steps=network.steps,
    )
