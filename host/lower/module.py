"""`Network` or `QuantizedNetwork` → Relax module of hand-scheduled kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from host.kernels.context import Pooling, concatenate, context, transpose_logits, window_scale
from host.kernels.conv import conv
from host.kernels.feature_map import FeatureMap
from host.kernels.image import quantize_image
from host.kernels.int8 import Int8
from host.kernels.microkernel import MicroKernel
from host.kernels.pack import pack_vector, pack_weight
from host.kernels.pool import max_pool
from host.kernels.shape import ConvShape, Tile
from host.lower.memory import conv_shapes, feature_maps
from host.network.graph import Conv, FloatArray, MaxPool, Network
from host.network.int8_sums import INT16_MAX, MAGIC_BITS, rows_as_channels
from host.network.integer import PIXEL_MEAN, PIXEL_SCALE, IntegerConv, QuantizedNetwork

Scalar = TypeVar("Scalar", bound=np.generic)

TileChoice = Callable[[str, ConvShape, MicroKernel], Tile]
"""Register tile of a convolution, by layer name and shape."""


def lower(network: Network | QuantizedNetwork, microkernel: MicroKernel, choose: TileChoice) -> tvm.IRModule:
    """Relax module with the function `main(image float32[1,3,24,94]) -> logits float32[1,classes,steps]`.

    Args:
        microkernel: for a `QuantizedNetwork` an `Int8` one with the arithmetic that it was quantized for.
    """
    if isinstance(network, QuantizedNetwork):
        assert isinstance(microkernel, Int8) and microkernel.int8_sums == network.int8_sums
        return _IntegerLowering(network, microkernel, choose).module()
    return _Lowering(network, microkernel, choose).module()


class _Lowering:
    def __init__(self, network: Network, microkernel: MicroKernel, choose: TileChoice) -> None:
        self.network, self.microkernel, self.choose = network, microkernel, choose
        self.builder = relax.BlockBuilder()
        self.maps = feature_maps(network, microkernel)
        self.shapes = conv_shapes(network, microkernel)

    def module(self) -> tvm.IRModule:
        image = relax.Var("image", relax.TensorType((1, 3, 24, 94), "float32"))
        values = {"input": image}
        with self.builder.function("main", [image]):
            with self.builder.dataflow():
                value, source = self._input(image), self.maps["input"]
                for layer in self.network.layers:
                    if isinstance(layer, Conv):
                        value = self._conv(layer, value)
                    else:
                        value = self._pool(layer, value, source)
                    values[layer.name], source = value, self.maps[layer.name]
                logits = self.builder.emit_output(self._tail(values))
            self.builder.emit_func_output(logits)
        return self.builder.finalize()

    def _input(self, image: relax.Expr) -> relax.Expr:
        """What the first convolution reads."""
        return image

    def _conv(self, layer: Conv, value: relax.Expr) -> relax.Expr:
        weight = self.microkernel.for_source(self.shapes[layer.name].source).encode(layer.weight)
        bias = layer.bias.astype(self.microkernel.accumulator)
        return self._kernel(layer.name, self.microkernel, value, weight, bias)

    def _kernel(
        self,
        name: str,
        microkernel: MicroKernel,
        value: relax.Expr,
        weight: NDArray[np.generic],
        *vectors: NDArray[np.generic],
    ) -> relax.Expr:
        """Call a convolution; *vectors*, one number per output channel each, are bias, multiplier, addend."""
        shape = self.shapes[name]
        tile = self.choose(name, shape, microkernel)
        packed = [pack_vector(v, shape, microkernel, tile) for v in vectors]
        operands = [value, pack_weight(weight, shape, microkernel, tile), *packed]
        return self._call(conv(symbol_of(name), shape, microkernel, tile), operands, shape.target)

    def _context(self, symbol: str, pooling: Pooling, source: str, value: relax.Expr) -> relax.Expr:
        operands = [value, *self._scale(pooling, source)]
        microkernel = (
            self.microkernel if pooling.source.dtype == self.microkernel.activation else self.microkernel.fp32
        )
        pooled = relax.TensorType((pooling.size,), "float32")
        return self._emit(context(symbol, pooling, microkernel.activations_per_register), operands, pooled)

    def _scale(self, pooling: Pooling, source: str) -> list[FloatArray]:
        """What the pooling of a quantized map takes beside it."""
        return []

    def _pool(self, layer: MaxPool, value: relax.Expr, source: FeatureMap) -> relax.Expr:
        target = self.maps[layer.name]
        function = max_pool(
            symbol_of(layer.name), source, target, layer.stride, self.microkernel.activations_per_register
        )
        return self._call(function, [value], target)

    def _tail(self, values: Mapping[str, relax.Expr]) -> relax.Expr:
        lanes = self.microkernel.fp32.lanes
        poolings, pooled = [], []
        for i, c in enumerate(self.network.contexts):
            pooling = Pooling(self.maps[c.source], c.kernel, c.stride)
            pooled.append(self._context(f"context{i}", pooling, c.source, values[c.source]))
            poolings.append(pooling)
        shape = self.shapes["head"]
        factor = self._head_factor(poolings)
        function = concatenate("contexts", poolings, shape.source, lanes, scaled=bool(factor))
        joined = self._call(function, [*pooled, *factor], shape.source)
        result = self._head(poolings, joined)
        logits = relax.TensorType((1, self.network.classes, self.network.steps), "float32")
        return self._emit(transpose_logits("logits", shape.target), [result], logits)

    def _head_factor(self, poolings: Sequence[Pooling]) -> list[FloatArray]:
        """What the contexts' channels are multiplied by, if anything."""
        return []

    def _head(self, poolings: Sequence[Pooling], joined: relax.Expr) -> relax.Expr:
        head = self.network.head
        weight = _spread(head.weight, poolings, 1)
        return self._kernel("head", self.microkernel.fp32, joined, weight, head.bias)

    def _call(
        self,
        function: tvm.tirx.PrimFunc,
        arguments: Sequence[relax.Expr | NDArray[np.generic]],
        out: FeatureMap,
    ) -> relax.Expr:
        return self._emit(function, arguments, relax.TensorType(out.shape, out.dtype))

    def _emit(
        self,
        function: tvm.tirx.PrimFunc,
        arguments: Sequence[relax.Expr | NDArray[np.generic]],
        out: relax.TensorType,
    ) -> relax.Expr:
        symbol = function.attrs["global_symbol"]
        reference = self.builder.add_func(function, symbol)
        operands = [relax.const(a) if isinstance(a, np.ndarray) else a for a in arguments]
        return self.builder.emit(relax.call_tir(reference, operands, out))


class _IntegerLowering(_Lowering):
    microkernel: Int8

    def __init__(self, quantized: QuantizedNetwork, microkernel: Int8, choose: TileChoice) -> None:
        super().__init__(quantized.network, microkernel, choose)
        self.quantized, self.zero_point = quantized, microkernel.int8_sums.zero_point

    def _input(self, image: relax.Expr) -> relax.Expr:
        target = self.maps["input"]
        lanes = self.microkernel.fp32.lanes
        return self._call(quantize_image("image", target, PIXEL_MEAN, PIXEL_SCALE, lanes), [image], target)

    def _conv(self, layer: Conv, value: relax.Expr) -> relax.Expr:
        integers: IntegerConv = self.quantized.convs[layer.name]
        packed = self.shapes[layer.name].source.pitch is not None
        weight = rows_as_channels(integers.weight) if packed else integers.weight
        # Activations are stored as q + z, z being the zero point, borders too:
        # Σ w·q = Σ w·(q + z) − z · Σ w.
        bias = integers.bias - self.zero_point * weight.sum((1, 2, 3), dtype=np.int32)
        fused = integers.addend is not None
        self.shapes[layer.name] = replace(self.shapes[layer.name], fused=fused)
        scaling = [integers.multiplier] if integers.addend is None else [integers.multiplier, integers.addend]
        start = bias + np.int32(MAGIC_BITS) if fused else bias
        microkernel = self.microkernel if integers.largest < INT16_MAX else self.microkernel.saturating()
        return self._kernel(layer.name, microkernel, value, weight, start, *scaling)

    def _scale(self, pooling: Pooling, source: str) -> list[FloatArray]:
        if pooling.source.dtype == "float32":
            return []
        return [window_scale(pooling, self.quantized.activation_scales[source])]

    def _head_factor(self, poolings: Sequence[Pooling]) -> list[FloatArray]:
        return [_spread(self.quantized.head.factor, poolings, 0)]

    def _head(self, poolings: Sequence[Pooling], joined: relax.Expr) -> relax.Expr:
        head = self.quantized.head
        weight = _spread(head.weight, poolings, 1)
        return self._kernel("head", self.microkernel.fp32, joined, weight, head.bias / head.scale, head.scale)


def _spread(values: NDArray[Scalar], poolings: Sequence[Pooling], axis: int) -> NDArray[Scalar]:
    """Per channel of the contexts → per stored channel, zero where contexts are stored with more."""
    parts, start = [], 0
    for pooling in poolings:
        channels, stored = pooling.source.channels, pooling.source.stored
        part = np.take(values, np.arange(start, start + channels), axis)
        parts.append(np.pad(part, [(0, stored - channels if i == axis else 0) for i in range(values.ndim)]))
        start += channels
    return np.concatenate(parts, axis)


def symbol_of(name: str) -> str:
    """Name of a layer's kernel."""
    return name.replace(".", "_")
