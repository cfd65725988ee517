"""LPRNet in the form every peer's converter takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from host.network.graph import MaxPool, pool
from host.network.simplify import NEGLIGIBLE, pooled_channels_first
from lprnet.network.checkpoint import load_checkpoint
from lprnet.network.model import CONTAINER, HEIGHT, LAYERS, WIDTH, LPRNet, Widths

INPUT, OUTPUT = "image", "logits"


class LeadingPool(nn.Module):
    """A 3×3 max pool with stride (1, *width_stride*) of the first *channels* channels: float[N,C,H,W]."""

    def __init__(self, channels: int, width_stride: int) -> None:
        super().__init__()
        self.layer = MaxPool("pool", channels, width_stride)

    def forward(self, x: Tensor) -> Tensor:
        return pool(self.layer, x)


def peer_model(checkpoint: Path) -> LPRNet:
    """The network of *checkpoint* without strided channel slices, the same up to the order of sums.

    pnnx drops strided slices without a word. So the channels before such a slice are put in the order in
    which it takes them, and the slice becomes a leading, contiguous one, which suits every runtime.
    """
    state = dict(load_checkpoint(checkpoint).state)
    widths = Widths.of(state)
    start = 0
    for layer in LAYERS:
        channels = state[f"{layer.conv}.bias"].numel()
        kept = widths.pooled.get(layer.name, channels)
        if kept < channels:
            order = torch.from_numpy(pooled_channels_first(channels, kept))
            for name in [n for n in state if layer.owns(n) and state[n].dim()]:
                state[name] = state[name][order]
            container = state[f"{CONTAINER}.weight"].clone()
            container[:, start : start + channels] = container[:, start + order]
            state[f"{CONTAINER}.weight"] = container
        start += channels if layer.context else 0
    # Products of vanishing weights are subnormal numbers, on which processors are slow. `simplify` drops
    # such weights, so peers are spared them too.
    for name, tensor in state.items():
        if name.endswith(".weight"):
            state[name] = torch.where(tensor.abs() < NEGLIGIBLE, 0, tensor)
    return with_weights(state)


def with_weights(state: Mapping[str, Tensor]) -> LPRNet:
    """The network of `peer_model` from its own state."""
    widths = Widths.of(state)
    model = LPRNet(state[f"{CONTAINER}.bias"].numel(), widths=widths).eval()
    for layer in LAYERS:
        # A pool that keeps all channels slices none.
        if layer.pool_stride and (kept := widths.pooled[layer.name]) < state[f"{layer.conv}.bias"].numel():
            model.backbone[layer.output + 1] = LeadingPool(kept, layer.pool_stride)
    model.load_state_dict(state)
    return model


def example() -> Tensor:
    """An input float32[1,3,24,94]."""
    return torch.zeros(1, 3, HEIGHT, WIDTH)


def export_onnx(checkpoint: Path, path: Path) -> None:
    """Write the network with a batch of 1, input `image`, output `logits`."""
    program = torch.onnx.export(
        peer_model(checkpoint),
        (example(),),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        opset_version=20,
        verbose=False,
    )
    assert program is not None
    program.save(path, external_data=False)
