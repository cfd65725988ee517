"""What a bundle is made of."""

from __future__ import annotations

from dataclasses import dataclass

from tvm import relax

from device_runtime.bundle.golden import Golden
from device_runtime.bundle.locator_golden import GoldenMap
from device_runtime.bundle.manifest import CheckpointInfo, ScheduleInfo
from host.bundle.golden import Reference
from host.compile.link import Linker
from host.network.conv_graph import ConvGraph
from host.runtime_libs.libraries import RuntimeLibs
from host.targets.profile import Target
from lprnet.network.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False, kw_only=True)
class Compiled:
    """A network compiled for a target.

    Attributes:
        reference: what a board must compute with it.
        schedule: how its kernels came about.
        macs: multiply-accumulates of an image.
        steps: CTC time steps of its logits.
    """

    executable: relax.VMExecutable
    reference: Reference
    precision: str
    schedule: ScheduleInfo
    macs: int
    parameters: int
    steps: int


@dataclass(frozen=True, eq=False, kw_only=True)
class CompiledLocator:
    """The networks that find plates, compiled for a target.

    Attributes:
        executable: with a function for each.
        find, refine: the networks.
        golden: what a board must compute with them.
        atol: how far a number may be off.
        schedule: how their kernels came about.
        checkpoint: their weights' file.
    """

    executable: relax.VMExecutable
    find: ConvGraph
    refine: ConvGraph
    golden: tuple[GoldenMap, ...]
    atol: float
    precision: str
    schedule: ScheduleInfo
    checkpoint: CheckpointInfo


@dataclass(frozen=True, eq=False, kw_only=True)
class Contents:
    """All that is written into a bundle's folder.

    Attributes:
        checkpoint_name: its file's.
        reader: of shipped weights, whose plates they read.
        golden: what `compiled.reference` makes of some plates.
        locator: what finds plates, if anything does.
        linker: links the module.
        libraries: the runtime that loads it.
    """

    target: Target
    checkpoint: Checkpoint
    checkpoint_name: str
    reader: str | None
    compiled: Compiled
    golden: Golden
    locator: CompiledLocator | None
    linker: Linker
    libraries: RuntimeLibs
