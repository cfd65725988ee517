"""What a network's first convolution is given: other channels, means and scales, put into its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from device_runtime.errors import FatalError
from device_runtime.read.preprocess import DEFAULT
from lprnet.network.model import LAYERS

Color = Literal["BGR", "RGB", "GRAY"]
COLORS: tuple[Color, ...] = ("BGR", "RGB", "GRAY")
LUMA = (0.114, 0.587, 0.299)
"""Of blue, green and red in a grey value (ITU-R BT.601; `cv2.COLOR_BGR2GRAY` then rounds to integers)."""
_STEM = LAYERS[0].conv


def fold_input(
    state: Mapping[str, Tensor],
    color: Color,
    mean: Sequence[float] = (DEFAULT.mean,),
    scale: Sequence[float] = (DEFAULT.scale,),
) -> dict[str, Tensor]:
    """Weights that read `DEFAULT`'s input and compute what *state* computes of its own.

    The first convolution has no padding, so that this is exact at the image's edges, too. Grey becomes the
    sum of three channels with the weights `LUMA`; a first convolution of three channels for grey images reads
    the same value three times.

    Args:
        state: of a network that reads (x − mean) · scale, x of 0…255, with the channels in the order *color*.
        color: of its input.
        mean, scale: one number, or one for every channel that it reads, in that order.

    Raises:
        FatalError: as many numbers as fit no channel, or channels that *color* does not have.
    """
    weight, bias = (state[f"{_STEM}.{part}"].double() for part in ("weight", "bias"))
    channels = weight.shape[1]
    if channels == 1 and color != "GRAY":
        raise FatalError(f"--color {color}", "the network reads one channel", "give GRAY, or leave it out")
    means, scales = (
        _each(option, value, channels) for option, value in (("--mean", mean), ("--scale", scale))
    )
    # y = s · (x − m) of theirs, and x = z / S + M of ours.
    bias = bias + torch.einsum("ochw,c->o", weight, scales * (DEFAULT.mean - means))
    weight = weight * (scales / DEFAULT.scale)[None, :, None, None]
    if color == "GRAY":
        weight = weight.sum(1, keepdim=True) * torch.tensor(LUMA, dtype=torch.double)[None, :, None, None]
    elif color == "RGB":
        weight = weight.flip(1)
    return {**state, f"{_STEM}.weight": weight.float(), f"{_STEM}.bias": bias.float()}


def _each(option: str, values: Sequence[float], channels: int) -> Tensor:
    if len(values) not in (1, channels):
        what = f"{option} {','.join(f'{value:g}' for value in values)}"
        raise FatalError(what, f"{len(values)} numbers for {channels} channels", "give one, or one a channel")
    return torch.tensor(values, dtype=torch.double).expand(channels)
