"""How much a network computes, as published and as simplified."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod

import torch

from device_runtime.read.preprocess import DEFAULT as PREPROCESS
from host.network.graph import Network
from lprnet.network.checkpoint import Checkpoint


@dataclass(frozen=True)
class Work:
    """Size of a network: operations by kind, multiply-accumulates of an image, parameters."""

    operations: dict[str, int]
    macs: int
    parameters: int


def published_work(checkpoint: Checkpoint) -> Work:
    """The network as published, operation by operation as torch.export sees it."""
    model = checkpoint.model().eval()
    program = torch.export.export(model, (torch.zeros(1, 3, PREPROCESS.height, PREPROCESS.width),))
    kinds: Counter[str] = Counter()
    macs = 0
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        kind = str(node.target).removeprefix("aten.").split(".")[0]
        kinds[kind] += 1
        if kind == "conv2d":
            weight = node.args[1].meta["val"].shape
            macs += prod(weight) * prod(node.meta["val"].shape[2:])
    parameters = sum(p.numel() for p in model.parameters())
    return Work(dict(kinds.most_common()), macs, parameters)


def simplified_work(network: Network) -> Work:
    """The network that is lowered, in the operations of `host.network.graph`."""
    kinds = Counter(
        {"convolution": len(network.convs) + 1, "max pool": len(network.layers) - len(network.convs)}
    )
    kinds["context"] = len(network.contexts)
    return Work(dict(kinds), network.macs, network.parameters)
