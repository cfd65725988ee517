"""LPRNet in the form every peer's converter takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from host.network.simplify import NEGLIGIBLE, leading
from lprnet.network.checkpoint import load_checkpoint
from lprnet.network.model import HEIGHT, WIDTH, LPRNet, Widths

INPUT, OUTPUT = "image", "logits"

# Layers before a channel-strided pool (last convolution, its BatchNorm), the pool's index and width stride.
_SLICED = (
    ("backbone.4.block.6", "backbone.5", 7, 2),
    ("backbone.11.block.6", "backbone.12", 14, 2),
)


class LeadingPool(nn.Module):
    """A 3×3 max pool with stride (1, *width_stride*) of the first *channels* channels."""

    def __init__(self, channels: int, width_stride: int) -> None:
        super().__init__()
        self.channels, self.width_stride = channels, width_stride

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x[:, : self.channels], 3, (1, self.width_stride))


def peer_model(checkpoint: Path) -> LPRNet:
    """The network of *checkpoint* without strided channel slices, the same up to the order of sums.

    pnnx drops strided slices without a word. So the channels before such a slice are put in the order in
    which it takes them, and the slice becomes a leading, contiguous one, which suits every runtime.
    """
    state = dict(load_checkpoint(checkpoint).state)
    widths = Widths.of(state)
    starts = widths.stem, widths.stem + widths.block1[3]
    for (expand, norm, _, _), kept, start in zip(_SLICED, (widths.pool2, widths.pool3), starts, strict=True):
        channels = state[f"{expand}.bias"].numel()
        order = torch.from_numpy(leading(channels, kept))
        for name in [n for n in state if n.startswith((f"{expand}.", f"{norm}.")) and state[n].dim()]:
            state[name] = state[name][order]
        container = state["container.0.weight"].clone()
        container[:, start : start + channels] = container[:, start + order]
        state["container.0.weight"] = container
    # Products of vanishing weights are subnormal numbers, on which processors are slow. `simplify` drops
    # such weights, so peers are spared them too.
    for name, tensor in state.items():
        if name.endswith(".weight"):
            state[name] = torch.where(tensor.abs() < NEGLIGIBLE, 0, tensor)
    return with_weights(state)


def with_weights(state: Mapping[str, Tensor]) -> LPRNet:
    """The network of `peer_model` from its own state."""
    widths = Widths.of(state)
    model = LPRNet(state["container.0.bias"].numel(), widths=widths).eval()
    for (_, _, pool, width_stride), kept in zip(_SLICED, (widths.pool2, widths.pool3), strict=True):
        model.backbone[pool] = LeadingPool(kept, width_stride)
    model.load_state_dict(state)
    return model


def example() -> Tensor:
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
