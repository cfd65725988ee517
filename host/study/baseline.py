"""The network under TVM's own schedules: as published, and simplified first."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from host.bench.runtimes.tvm_vm_peer import FILE
from host.compile.baselines import compile_baseline
from host.compile.link import linker_for
from host.network.graph import Conv, Network, context, pool, walk
from host.network.simplify import simplify
from host.targets.profile import Target
from lprnet.network.checkpoint import Checkpoint

Schedule = Literal["default", "graph", "metaschedule"]
"""`default` and `metaschedule`: of `host.compile.baselines`; `graph`: the first, simplified."""


def write_module(
    checkpoint: Checkpoint, target: Target, schedule: Schedule, trials: int, folder: Path
) -> int:
    """Compile and link `model.so` into *folder*; its size in bytes.

    Raises:
        FatalError: MetaSchedule cannot measure for the target here, or the linker is missing.
    """
    if schedule == "graph":
        executable = compile_baseline(_Module(simplify(checkpoint)), target, "default")
    else:
        executable = compile_baseline(checkpoint.model(), target, schedule, trials)
    executable.export_library(str(folder / FILE), fcompile=linker_for(target).fcompile)
    return (folder / FILE).stat().st_size


class _Module(nn.Module):
    """`host.network.graph.run` with the weights as buffers."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        for layer in (*network.convs, network.head):
            name = layer.name.replace(".", "_")
            self.register_buffer(f"{name}_weight", torch.from_numpy(layer.weight))
            self.register_buffer(f"{name}_bias", torch.from_numpy(layer.bias))

    def _conv(self, layer: Conv, x: Tensor) -> Tensor:
        name = layer.name.replace(".", "_")
        weight, bias = self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")
        x = F.conv2d(x, weight, bias, padding=layer.padding)
        return F.relu(x) if layer.relu else x

    def forward(self, x: Tensor) -> Tensor:
        network = self.network
        maps = {layer.name: output for layer, output in walk(network, x, self._conv, pool)}
        return self._conv(network.head, torch.cat([context(c, maps[c.source]) for c in network.contexts], 1))[
            :, :, 0
        ]
