"""A bundle's manifest, from what went into its folder."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping

import tvm

from device_runtime import __version__
from device_runtime.bundle.locator_golden import describe
from device_runtime.bundle.manifest import (
    CheckpointInfo,
    FileInfo,
    ImageNetworkInfo,
    InputInfo,
    LocatorInfo,
    Manifest,
    OutputInfo,
    ScoringInfo,
    SearchInfo,
    TargetInfo,
    Versions,
)
from device_runtime.bundle.verify import LOCATOR_NAME
from device_runtime.locate.locator import Scoring, Search
from device_runtime.read.preprocess import DEFAULT
from host.bundle.contents import CompiledLocator, Contents
from host.kernels.extent import LEAST
from host.lower.graphs import LEAST_ROWS
from host.network.conv_graph import ConvGraph
from host.targets.profile import Target


def manifest_of(contents: Contents, files: Mapping[str, FileInfo]) -> Manifest:
    """The manifest of the bundle that holds *contents* in *files*."""
    alphabet, compiled = contents.checkpoint.alphabet, contents.compiled
    return Manifest(
        created_by=f"lpr-edge {__version__}",
        target=_target(contents.target),
        alphabet=alphabet.characters,
        blank=alphabet.blank,
        input=InputInfo((1, 3, DEFAULT.height, DEFAULT.width), "float32", "NCHW"),
        output=OutputInfo((1, len(alphabet), compiled.steps), "float32", "NCT"),
        preprocess=contents.checkpoint.preprocess,
        precision=compiled.precision,
        schedule=compiled.schedule,
        versions=Versions(
            tvm.__version__, importlib.metadata.version("apache-tvm-ffi"), contents.linker.describe()
        ),
        checkpoint=CheckpointInfo(contents.checkpoint_name, contents.checkpoint.sha256),
        reader=contents.reader,
        macs=compiled.macs,
        parameters=compiled.parameters,
        files=dict(files),
        confidence=contents.checkpoint.confidence,
        golden=contents.golden.info,
        locator=_locator(contents.locator) if contents.locator else None,
    )


def _locator(compiled: CompiledLocator) -> LocatorInfo:
    scoring, search = Scoring(), Search()
    return LocatorInfo(
        module=LOCATOR_NAME,
        precision=compiled.precision,
        schedule=compiled.schedule,
        checkpoint=compiled.checkpoint,
        find=_network(compiled.find),
        refine=_network(compiled.refine),
        scoring=ScoringInfo(find=scoring.find, refine=scoring.refine, offset=scoring.offset),
        search=SearchInfo(
            proposing=search.proposing,
            sure=search.sure,
            clear=search.clear,
            again=search.again,
            doubtful=search.doubtful,
            threshold=search.threshold,
        ),
        golden=describe(compiled.golden, compiled.atol),
    )


def _network(graph: ConvGraph) -> ImageNetworkInfo:
    return ImageNetworkInfo(
        height=graph.height,
        width=graph.width,
        area=graph.area,
        grid=graph.grid,
        least_height=LEAST_ROWS * graph.grid if graph.area else graph.height,
        least_width=LEAST * graph.grid if graph.area else graph.width,
        channels=graph.shapes[graph.output.name].channels,
        stride=graph.stride,
        macs=graph.macs,
        parameters=graph.parameters,
    )


def _target(target: Target) -> TargetInfo:
    return TargetInfo(
        name=target.name,
        display_name=target.display_name,
        arch=target.arch,  # type: ignore[arg-type]
        triple=target.llvm.mtriple,
        cpu=target.llvm.mcpu,
        cpu_features=target.cpu_features,
        glibc=target.glibc,
    )
