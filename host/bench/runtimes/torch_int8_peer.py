"""PyTorch's own int8 convolutions on this project's integers: quantization without a compiler.

A runtime for `host.bench`: `save` writes what `load` reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from host.bench.runtimes.infer import Float, Infer
from host.network.graph import Context, MaxPool, context, pool
from host.network.integer import PIXEL_MEAN, PIXEL_SCALE, QuantizedNetwork
from lprnet.threads import one_operator_at_a_time

FILE = "model.pt"


def save(quantized: QuantizedNetwork, folder: Path) -> int:
    """Write the network's tensors and structure; its size in bytes."""
    network, head = quantized.network, quantized.head
    layers: list[dict[str, Any]] = []
    for layer in network.layers:
        integers = quantized.convs.get(layer.name)
        if integers is None:
            layers.append({"channels": layer.channels, "stride": layer.stride})  # type: ignore[union-attr]
        else:
            layers.append(
                {
                    "weight": torch.from_numpy(integers.weight),
                    "bias": torch.from_numpy(integers.bias),
                    "multiplier": torch.from_numpy(integers.multiplier),
                    "padding": list(integers.padding),
                    "dequantized": integers.dequantized,
                }
            )
    names = [layer.name for layer in network.layers]
    contexts = [
        {
            "source": names.index(c.source),
            "kernel": list(c.kernel),
            "stride": list(c.stride),
            "scale": torch.from_numpy(quantized.activation_scales[c.source]),
        }
        for c in network.contexts
    ]
    tensors = {
        "weight": torch.from_numpy(head.weight),
        "bias": torch.from_numpy(head.bias),
        "scale": torch.from_numpy(head.scale),
        "factor": torch.from_numpy(head.factor),
    }
    torch.save({"layers": layers, "contexts": contexts, "head": tensors}, folder / FILE)
    return (folder / FILE).stat().st_size


def load(folder: Path, precision: str, threads: int) -> Infer:
    one_operator_at_a_time(threads)
    content = torch.load(folder / FILE, weights_only=True)
    layers = [_layer(part) for part in content["layers"]]
    contexts, head = content["contexts"], content["head"]
    matrix = (head["weight"].float() * head["factor"][:, None, None] * head["scale"][:, None, None, None])[
        :, :, 0
    ]

    def run(tensor: Float) -> Float:
        with torch.inference_mode():
            pixels = (torch.from_numpy(tensor) / PIXEL_SCALE + PIXEL_MEAN).contiguous(
                memory_format=torch.channels_last
            )
            x = torch.quantize_per_tensor(pixels, 1.0, 0, torch.quint8)
            maps = []
            for layer in layers:
                x = layer(x)
                maps.append(x)
            pooled = torch.cat([_context(c, maps[c["source"]]) for c in contexts], 1)
            logits: Float = F.conv1d(pooled, matrix, head["bias"]).numpy()
            return logits

    return run


def _layer(part: dict[str, Any]) -> Any:
    if "stride" in part:
        layer = MaxPool("pool", part["channels"], part["stride"])
        return lambda x: pool(layer, x)
    weight, multiplier, padding = part["weight"].float(), part["multiplier"], part["padding"]
    bias = part["bias"] * multiplier
    if part["dequantized"]:
        scaled = weight * multiplier[:, None, None, None]
        return lambda x: F.relu(F.conv2d(x.dequantize(), scaled, bias, padding=padding))
    # Maps count in units of 1: what 1 stands for is in the multiplier of what made it.
    scales = multiplier.double()
    integers = torch.quantize_per_channel(
        weight * multiplier[:, None, None, None], scales, torch.zeros(len(scales)).long(), 0, torch.qint8
    )
    packed = torch.ops.quantized.conv2d_prepack(integers, bias, [1, 1], padding, [1, 1], 1)
    return lambda x: torch.ops.quantized.conv2d_relu(x, packed, 1.0, 0)


def _context(part: dict[str, Any], x: Tensor) -> Tensor:
    values = x.dequantize() if x.is_quantized else x
    source = Context("source", tuple(part["kernel"]), tuple(part["stride"]))
    return context(source, values, part["scale"])[:, :, 0]
