"""Activation ranges for the peers that have no percentile calibration of their own on PyPI."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from host.bench.runtimes.infer import Float
from host.bench.runtimes.peer_model import peer_model

PERCENTILE = 99.99
"""As for ONNX Runtime: the most extreme activations would cost all others some of their resolution."""


class _Extremes:
    """The values of a stream of *tensors* tensors of one size that lie above its percentile."""

    def __init__(self, tensors: int) -> None:
        self._tensors, self._largest = tensors, torch.zeros(0)

    def add(self, x: Tensor) -> None:
        keep = max(1, math.ceil(x.numel() * self._tensors * (1 - PERCENTILE / 100)))
        values = torch.cat([self._largest, x.abs().flatten()])
        self._largest = values.topk(min(keep, values.numel())).values

    @property
    def threshold(self) -> float:
        return float(self._largest.min())


def weight_scales(weight: Float) -> Float:
    """What 1 stands for in symmetric int8 weights, float32[outputs] of weights float32[outputs, …]."""
    largest = np.abs(weight).max(axis=tuple(range(1, weight.ndim)))
    # A channel that training has switched off is all zeros.
    return np.where(largest > 0, largest, 1).astype(np.float32) / np.float32(127)


def conv_ranges(checkpoint: Path, calibration: Path) -> tuple[list[float], list[float]]:
    """Percentiles of |x| before and after every convolution with its ReLU, in the order in which they run.

    Args:
        calibration: `.npy` file of float32[N,3,24,94].
    """
    model, images = peer_model(checkpoint), np.load(calibration)
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.ReLU)]
    before = {layer: _Extremes(len(images)) for layer in layers if isinstance(layer, nn.Conv2d)}
    # The last convolution, the head, has no ReLU.
    ends = [*(layer for layer in layers if isinstance(layer, nn.ReLU)), layers[-1]]
    after = {layer: _Extremes(len(images)) for layer in ends}
    for convolution in before:
        convolution.register_forward_pre_hook(lambda module, args: before[module].add(args[0]))
    for end in after:
        end.register_forward_hook(lambda module, args, output: after[module].add(output))
    with torch.inference_mode():
        for image in images:
            model(torch.from_numpy(image[None]))
    return [e.threshold for e in before.values()], [e.threshold for e in after.values()]
