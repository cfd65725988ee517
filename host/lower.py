"""`Network` or `QuantizedNetwork` → Relax module of hand-scheduled kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from host.graph import Conv, Float, MaxPool, Network
from host.kernels.arithmetic import INT16_MAX, MAGIC_BITS
from host.kernels.context import Pooling, concatenate, context, transpose_logits, window_scale
from host.kernels.conv import ConvShape, Tile, conv, pack_vector, pack_weight
from host.kernels.family import Family
from host.kernels.feature_map import FeatureMap
from host.kernels.image import image_map, quantize_image, rows_as_channels
from host.kernels.int8 import Int8
from host.kernels.pool import max_pool
from host.quantize.network import PIXEL_MEAN, PIXEL_SCALE, IntegerConv, QuantizedNetwork

Scalar = TypeVar("Scalar", bound=np.generic)

TileChoice = Callable[[str, ConvShape, Family], Tile]
"""Register tile of a convolution, by layer name and shape."""


def lower(network: Network | QuantizedNetwork, family: Family, choose: TileChoice) -> tvm.IRModule:
    """Relax module with the function `main(image float32[1,3,24,94]) -> logits float32[1,classes,steps]`.

    Args:
        family: for a `QuantizedNetwork` an `Int8` family with the arithmetic that it was quantized for.
    """
    if isinstance(network, QuantizedNetwork):
        assert isinstance(family, Int8) and family.arithmetic == network.arithmetic
        return _IntegerLowering(network, family, choose).module()
    return _Lowering(network, family, choose).module()


def feature_maps(network: Network, family: Family) -> dict[str, FeatureMap]:
    """How every layer's output lies in memory, by name; borders are what the next convolution wants.

    `input` is what the first convolution reads: the image, or its bytes.
    """
    shapes, image = network.shapes, network.input
    if isinstance(family, Int8):
        columns = network.convs[0].weight.shape[3]
        maps = {"input": image_map(image.height, image.width, columns, family)}
    else:
        maps = {"input": _image(network)}
    for layer, following in zip(network.layers, (*network.layers[1:], None), strict=True):
        shape = shapes[layer.name]
        # Only contexts read the last map, and they are not quantized.
        block, dtype = (family.block, family.activation) if following else (family.lanes, "float32")
        pad = following.padding if isinstance(following, Conv) else (0, 0)
        stored = _round_up(shape.channels, block)
        maps[layer.name] = FeatureMap(shape.height, shape.width, shape.channels, stored, dtype, pad)
    return maps


def _image(network: Network) -> FeatureMap:
    shape = network.input
    return FeatureMap(shape.height, shape.width, shape.channels, shape.channels, "float32", planar=True)


def conv_shapes(network: Network, family: Family) -> dict[str, ConvShape]:
    """What every convolution is generated from, by layer name; `head`'s family is `family.floats`."""
    maps = feature_maps(network, family)
    shapes = {}
    source = maps["input"]
    for layer in network.layers:
        if isinstance(layer, Conv):
            kernel = layer.weight.shape[2:]
            if source.pitch is not None:
                kernel = (kernel[0], 1)  # as `rows_as_channels` has it
            shape = ConvShape(kernel, source, maps[layer.name], layer.relu)
            shapes[layer.name] = replace(shape, fused=_may_be_fused(shape, family))
        source = maps[layer.name]
    joined = sum(maps[c.source].stored for c in network.contexts)
    stored = _round_up(network.classes, family.floats.block)
    shapes["head"] = ConvShape(
        (1, 1),
        FeatureMap(1, network.steps, joined, joined, "float32"),
        FeatureMap(1, network.steps, network.classes, stored, "float32"),
        relu=False,
    )
    return shapes


def _may_be_fused(shape: ConvShape, family: Family) -> bool:
    """Whether quantized weights allow it is seen later; sums of so few products nearly always do."""
    fused = isinstance(family, Int8) and family.arithmetic.fused and shape.target.dtype != "float32"
    return fused and shape.reduction(family) * shape.kernel[0] * shape.kernel[1] <= 512


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


class _Lowering:
    def __init__(self, network: Network, family: Family, choose: TileChoice) -> None:
        self.network, self.family, self.choose = network, family, choose
        self.builder = relax.BlockBuilder()
        self.maps = feature_maps(network, family)
        self.shapes = conv_shapes(network, family)

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
        weight = self.family.fitting(self.shapes[layer.name].source).encode(layer.weight)
        bias = layer.bias.astype(self.family.accumulator)
        return self._kernel(layer.name, self.family, value, weight, bias)

    def _kernel(
        self,
        name: str,
        family: Family,
        value: relax.Expr,
        weight: NDArray[np.generic],
        *vectors: NDArray[np.generic],
    ) -> relax.Expr:
        """Call a convolution; *vectors*, one number per output channel each, are bias, multiplier, addend."""
        shape = self.shapes[name]
        tile = self.choose(name, shape, family)
        packed = [pack_vector(v, shape, family, tile) for v in vectors]
        operands = [value, pack_weight(weight, shape, family, tile), *packed]
        return self._call(conv(symbol_of(name), shape, family, tile), operands, shape.target)

    def _context(self, symbol: str, pooling: Pooling, source: str, value: relax.Expr) -> relax.Expr:
        operands = [value, *self._scale(pooling, source)]
        family = self.family if pooling.source.dtype == self.family.activation else self.family.floats
        pooled = relax.TensorType((pooling.size,), "float32")
        return self._emit(context(symbol, pooling, family.elements), operands, pooled)

    def _scale(self, pooling: Pooling, source: str) -> list[Float]:
        """What the pooling of a quantized map takes beside it."""
        return []

    def _pool(self, layer: MaxPool, value: relax.Expr, source: FeatureMap) -> relax.Expr:
        target = self.maps[layer.name]
        function = max_pool(symbol_of(layer.name), source, target, layer.stride, self.family.elements)
        return self._call(function, [value], target)

    def _tail(self, values: Mapping[str, relax.Expr]) -> relax.Expr:
        lanes = self.family.floats.lanes
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

    def _head_factor(self, poolings: Sequence[Pooling]) -> list[Float]:
        """What the contexts' channels are multiplied by, if anything."""
        return []

    def _head(self, poolings: Sequence[Pooling], joined: relax.Expr) -> relax.Expr:
        head = self.network.head
        weight = _spread(head.weight, poolings, 1)
        return self._kernel("head", self.family.floats, joined, weight, head.bias)

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
    family: Int8

    def __init__(self, quantized: QuantizedNetwork, family: Int8, choose: TileChoice) -> None:
        super().__init__(quantized.network, family, choose)
        self.quantized, self.offset = quantized, family.arithmetic.offset

    def _input(self, image: relax.Expr) -> relax.Expr:
        target = self.maps["input"]
        lanes = self.family.floats.lanes
        return self._call(quantize_image("image", target, PIXEL_MEAN, PIXEL_SCALE, lanes), [image], target)

    def _conv(self, layer: Conv, value: relax.Expr) -> relax.Expr:
        integers: IntegerConv = self.quantized.convs[layer.name]
        packed = self.shapes[layer.name].source.pitch is not None
        weight = rows_as_channels(integers.weight) if packed else integers.weight
        # Activations are stored as q − offset, borders too: Σ w·q = Σ w·(q − offset) + offset · Σ w.
        bias = integers.bias + self.offset * weight.sum((1, 2, 3), dtype=np.int32)
        fused = integers.addend is not None
        self.shapes[layer.name] = replace(self.shapes[layer.name], fused=fused)
        scaling = [integers.multiplier] if integers.addend is None else [integers.multiplier, integers.addend]
        start = bias + np.int32(MAGIC_BITS) if fused else bias
        family = self.family if integers.largest < INT16_MAX else self.family.careful()
        return self._kernel(layer.name, family, value, weight, start, *scaling)

    def _scale(self, pooling: Pooling, source: str) -> list[Float]:
        if pooling.source.dtype == "float32":
            return []
        return [window_scale(pooling, self.quantized.steps[source])]

    def _head_factor(self, poolings: Sequence[Pooling]) -> list[Float]:
        return [_spread(self.quantized.head.factor, poolings, 0)]

    def _head(self, poolings: Sequence[Pooling], joined: relax.Expr) -> relax.Expr:
        head = self.quantized.head
        weight = _spread(head.weight, poolings, 1)
        return self._kernel("head", self.family.floats, joined, weight, head.bias / head.scale, head.scale)


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
