"""Forward pass of `LPRNet` for training on an x86 CPU: bfloat16, channels-last, memory-bound layers fused.

PyTorch spends nine tenths of a training step of this network in pooling, BatchNorm, ReLU and copies. The
kernels in `cpu_ops.cpp` do the same arithmetic in float32 with one pass over the data each; convolutions stay
PyTorch's. Parameters and their gradients stay float32.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F
from torch.utils.cpp_extension import include_paths, library_paths

from lprnet.network.model import CONTEXTS, ChannelStridePool, LPRNet, SmallBasicBlock, normalized


@cache
def available() -> bool:
    """Whether the kernels could be compiled for this machine (needs g++; they are cached by source hash)."""
    source = Path(__file__).with_name("cpu_ops.cpp")
    flags = [
        "-O3",
        "-march=native",
        "-mprefer-vector-width=512",
        # -ffast-math but for its start-up code, which makes the whole process flush subnormal numbers.
        "-fno-math-errno",
        "-fno-signed-zeros",
        "-fno-trapping-math",
        "-fassociative-math",
        "-freciprocal-math",
        "-ffinite-math-only",
        "-std=c++20",
        "-shared",
        "-fPIC",
    ]
    try:
        cpu = subprocess.run(
            ["g++", "-march=native", "-Q", "--help=target"], capture_output=True, check=True
        ).stdout
        key = hashlib.sha256(source.read_bytes() + cpu + f"{torch.__version__}{flags}".encode()).hexdigest()[
            :16
        ]
        cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        library = cache_home / "lprnet" / f"cpu_ops-{key}.so"
        if not library.exists():
            library.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=library.parent) as folder:
                built = Path(folder) / library.name
                subprocess.run(
                    ["g++", *flags, str(source), "-o", str(built)]
                    + [f"-I{path}" for path in include_paths()]
                    + [f"-L{path}" for path in library_paths()]
                    + [
                        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}",
                        "-ltorch_cpu",
                        "-lc10",
                    ],
                    capture_output=True,
                    check=True,
                )
                built.replace(library)
        torch.ops.load_library(str(library))
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


class _NormRelu(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        moments = torch.ops.lprnet_cpu.moments(x)
        mean, inverse_std = moments[0], (moments[1] + eps).rsqrt()
        scale = weight * inverse_std
        shift = bias - mean * scale
        y = torch.ops.lprnet_cpu.affine_relu(x, scale, shift)
        ctx.save_for_backward(x, scale, shift, mean, inverse_std)
        ctx.mark_non_differentiable(moments)
        return y, moments

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        x, *constants = ctx.saved_tensors
        grad = grad.contiguous(memory_format=torch.channels_last)
        dx, dw, db = torch.ops.lprnet_cpu.norm_relu_backward(grad, x, *constants)
        return dx, dw, db, None


class _PoolAndAverage(Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, geometry: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        pooled, position, average = torch.ops.lprnet_cpu.pool_and_average(y, *geometry)
        ctx.save_for_backward(position)
        ctx.geometry = (*y.shape[1:], *geometry[1:])
        return pooled, average

    @staticmethod
    def backward(ctx: Any, grad_pooled: Tensor, grad_average: Tensor) -> tuple[Tensor, None]:
        (position,) = ctx.saved_tensors
        grad_pooled = grad_pooled.contiguous(memory_format=torch.channels_last)
        dy = torch.ops.lprnet_cpu.pool_and_average_backward(
            grad_pooled, position, grad_average, *ctx.geometry
        )
        return dy, None


class _ConvRelu(Function):
    """Convolution with the ReLU inside, so that neither a second map nor a mask is kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, padding: tuple[int, int]) -> Tensor:
        low = weight.to(torch.bfloat16)
        y = torch.ops.mkldnn._convolution_pointwise(
            x, low, bias.to(torch.bfloat16), padding, (1, 1), (1, 1), 1, "relu", [], ""
        )
        ctx.save_for_backward(x, low, y)
        ctx.padding = padding
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, low, y = ctx.saved_tensors
        torch.ops.lprnet_cpu.relu_backward_(grad, y)
        dx, dw, db = torch.ops.aten.convolution_backward(
            grad, x, low, [y.shape[1]], [1, 1], ctx.padding, [1, 1], False, [0, 0], 1, [True, True, True]
        )
        return dx, dw.float(), db.float(), None


def _conv(layer: nn.Conv2d, x: Tensor) -> Tensor:
    assert layer.bias is not None
    return F.conv2d(
        x, layer.weight.to(torch.bfloat16), layer.bias.to(torch.bfloat16), padding=cast(Any, layer.padding)
    )


def _norm_relu(layer: nn.BatchNorm2d, x: Tensor) -> Tensor:
    if x.shape[1] % 16:  # the kernels' vector width; only the small last map has another channel count
        return F.relu(cast(Tensor, layer(x.float())))
    assert layer.running_mean is not None and layer.running_var is not None and layer.momentum is not None
    if not layer.training:
        scale = layer.weight * (layer.running_var + layer.eps).rsqrt()
        shift = layer.bias - layer.running_mean * scale
        return cast(Tensor, torch.ops.lprnet_cpu.affine_relu(x, scale, shift))
    y, moments = _NormRelu.apply(x, layer.weight, layer.bias, layer.eps)  # type: ignore[no-untyped-call]
    assert layer.num_batches_tracked is not None
    rows = x.numel() // x.shape[1]
    layer.running_mean.lerp_(moments[0], layer.momentum)
    layer.running_var.lerp_(moments[1] * (rows / (rows - 1)), layer.momentum)
    layer.num_batches_tracked += 1
    return cast(Tensor, y)


def _block(layer: SmallBasicBlock, x: Tensor) -> Tensor:
    for inner in (layer.block[0], layer.block[2], layer.block[4]):
        x = _ConvRelu.apply(x, inner.weight, inner.bias, inner.padding)  # type: ignore[no-untyped-call]
    return _conv(cast(nn.Conv2d, layer.block[6]), x)


def suits(model: LPRNet) -> bool:
    """Whether the kernels take the model's widths: multiples of 16, but for the last map."""
    *convs, _, _ = (m for m in model.modules() if isinstance(m, nn.Conv2d))
    pools = [m for m in model.modules() if isinstance(m, ChannelStridePool)]
    return not any(c.out_channels % 16 for c in convs) and not any(p.kept % 16 for p in pools)


def forward(model: LPRNet, x: Tensor) -> Tensor:
    """What `model(x)` computes, in bfloat16: float32[N,3,24,94] → float32[N,num_classes,18].

    In training mode it has gradients and updates the BatchNorm statistics, as `model(x)` does. In evaluation
    mode it has no gradients. Requires `available()` and `suits(model)`.
    """
    x = x.to(torch.bfloat16, memory_format=torch.channels_last)
    contexts = []
    for index, layer in enumerate(model.backbone):
        if isinstance(layer, nn.Conv2d):
            x = _conv(layer, x)
        elif isinstance(layer, nn.BatchNorm2d):
            x = _norm_relu(layer, x)
        elif isinstance(layer, SmallBasicBlock):
            x = _block(layer, x)
        elif isinstance(layer, ChannelStridePool):
            average = CONTEXTS[index - 1]
            stride = x.shape[1] // layer.kept
            geometry = (layer.kept, stride, layer.width_stride, *average.kernel, *average.stride)
            x, context = _PoolAndAverage.apply(x, geometry)  # type: ignore[no-untyped-call]
            contexts.append(context)
        elif isinstance(layer, nn.Dropout) and layer.p > 0:
            x = layer(x)
    contexts.append(x.float())
    # The container is linear: the mean over rows may come first, on a quarter of the data.
    rows = torch.cat([normalized(c).mean(2) for c in contexts], 1)
    head = cast(nn.Conv2d, model.container[0])
    return F.conv1d(rows, head.weight[:, :, :, 0], head.bias)
