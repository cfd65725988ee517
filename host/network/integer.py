"""The network in integers: what the int8 kernels compute, and a reference that computes the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from device_runtime.read.preprocess import DEFAULT
from host.network.graph import Conv, FloatArray, Network, context, up_sample, walk
from host.network.int8_sums import MAGIC, Int8Sums

LEVELS = 255
"""Highest quantized activation; the lowest is 0, which ReLU makes the real zero too."""
PIXEL_SCALE, PIXEL_MEAN = DEFAULT.scale, DEFAULT.mean
"""The image tensor is (pixel − mean) · scale, so pixels are recovered exactly (`read.preprocess`)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class IntegerConv:
    """A convolution on quantized activations q in 0…255.

    sums = bias + Σ weight · q in int32; then float32(sums) · multiplier, which is the next map's q after
    clamping to 0…255 and rounding half to even, or, where `dequantized`, the real value after max(·, 0)
    or, without `relu`, as it is. A pixel outside the map counts as q = 0.

    With `ratio`, q₂ of another map is added, twice as high and wide, before anything is rounded to integers:

        wide = float32(sums) · multiplier                  repeated to 2 × 2 pixels
        next q = clamp(fma(float32(q₂), ratio, wide))      a fused multiply-add: rounded once, to float32

    Attributes:
        name: of the layer.
        weight: int8[out, in, kh, kw].
        bias: int32[out].
        multiplier: float32[out].
        padding: pixels added on both sides of (H, W).
        dequantized: the output is real, not the next map's q.
        addend: float32[out], or None. With it (MAGIC + sums) · multiplier + addend − MAGIC is clamped and
            rounded, and nothing is rounded before (see `FusedRequantization`).
        relu: negative real values become 0; that q are never negative is a ReLU, too.
        stride: from one pixel to the next, down and right.
        ratio: float32[out], or None: what q₂ = 1 is worth in units of the next map's q.
    """

    name: str
    weight: NDArray[np.int8]
    bias: NDArray[np.int32]
    multiplier: FloatArray
    padding: tuple[int, int]
    dequantized: bool
    addend: FloatArray | None = None
    relu: bool = True
    stride: int = 1
    ratio: FloatArray | None = None

    @property
    def largest(self) -> float:
        """No scaled sum is larger in magnitude, whatever the activations."""
        sums = LEVELS * np.abs(self.weight).sum((1, 2, 3), dtype=np.int64) + np.abs(self.bias)
        return float((sums * self.multiplier).max())


@dataclass(frozen=True, eq=False, kw_only=True)
class IntegerHead:
    """The head with int8 weights and fp32 sums: logits = bias + scale · Σ weight · (factor · context).

    Attributes:
        weight: int8[classes, channels, 1, 1].
        bias: float32[classes].
        scale: float32[classes].
        factor: float32[channels].
    """

    weight: NDArray[np.int8]
    bias: FloatArray
    scale: FloatArray
    factor: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantizedNetwork:
    """Integer convolutions by layer name, in the structure of `network`.

    Attributes:
        network: the float network that was quantized, as equalized.
        convs: one for every convolution of the backbone.
        head: the head.
        activation_scales: float32[channels], the real value of q = 1, for every map that a context reads.
        int8_sums: what the weights were limited to.
    """

    network: Network
    convs: Mapping[str, IntegerConv]
    head: IntegerHead
    activation_scales: Mapping[str, FloatArray]
    int8_sums: Int8Sums


def recover_pixels(image: Tensor) -> Tensor:
    """float32[N,3,H,W] as preprocessed → pixels 0…255 (integers in float32)."""
    return (image / PIXEL_SCALE + PIXEL_MEAN).clamp(0, LEVELS).round()


def accumulate(conv: IntegerConv, q: Tensor) -> Tensor:
    """int32 sums [N,out,H,W] of activations q (integers in any dtype).

    Computed in float64, which holds all integers that can occur.
    """
    weight, bias = torch.from_numpy(conv.weight).double(), torch.from_numpy(conv.bias).double()
    return F.conv2d(q.double(), weight, bias, conv.stride, conv.padding).to(torch.int32)


def rescale(conv: IntegerConv, sums: Tensor, other: Tensor | None = None) -> Tensor:
    """int32 sums → next map, in float32: integers 0…255, or real values where dequantized.

    Args:
        other: the map that a convolution with `ratio` adds, [N,out,2·H,2·W].
    """
    multiplier = torch.from_numpy(conv.multiplier)[:, None, None]
    if conv.addend is not None:
        # A float64 holds the product of 24 and 24 bits and its sum with an integer of its size.
        taken = torch.from_numpy(conv.addend).double()[:, None, None] - MAGIC
        exact = (MAGIC + sums.double()) * multiplier.double() + taken
        return exact.clamp(0, LEVELS).round().float()
    scaled = sums.float() * multiplier
    if conv.ratio is not None:
        assert other is not None
        ratio = torch.from_numpy(conv.ratio)[:, None, None]
        # A float64 holds the product of 8 and 24 bits.
        scaled = (up_sample(scaled).double() + other.double() * ratio.double()).float()
    if conv.dequantized:
        return scaled.clamp(min=0) if conv.relu else scaled
    return scaled.clamp(0, LEVELS).round()


def quantized_maps(quantized: QuantizedNetwork, image: Tensor) -> dict[str, Tensor]:
    """Every layer's output for float32[N,3,24,94], by name, q as integers in float32."""
    pixels = recover_pixels(image)

    def conv(layer: Conv, q: Tensor) -> Tensor:
        integers = quantized.convs[layer.name]
        return rescale(integers, accumulate(integers, q))

    return {"input": pixels} | {layer.name: q for layer, q in walk(quantized.network, pixels, conv)}


def run(quantized: QuantizedNetwork, image: Tensor) -> Tensor:
    """Reference: float32[N,3,24,94] → logits float32[N,classes,18]; its integers are the kernels'."""
    maps = quantized_maps(quantized, image)
    contexts, head = quantized.network.contexts, quantized.head
    scales = {name: torch.from_numpy(scale) for name, scale in quantized.activation_scales.items()}
    pooled = torch.cat([context(c, maps[c.source], scales[c.source]) for c in contexts], 1)
    sums = torch.einsum(
        "oc,ncw->now",
        torch.from_numpy(head.weight[:, :, 0, 0]).float(),
        pooled[:, :, 0] * torch.from_numpy(head.factor)[:, None],
    )
    return sums * torch.from_numpy(head.scale)[:, None] + torch.from_numpy(head.bias)[:, None]
