"""`Network` → Relax module of hand-scheduled kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from host.graph import Conv, MaxPool, Network
from host.kernels.context import Pooling, concatenate, context, transpose_logits
from host.kernels.conv import ConvShape, Tile, conv, pack_bias, pack_weight
from host.kernels.family import Family
from host.kernels.feature_map import FeatureMap
from host.kernels.pool import max_pool

TileChoice = Callable[[str, ConvShape, Family], Tile]
"""Register tile of a convolution, by layer name and shape."""


def lower(network: Network, family: Family, choose: TileChoice) -> tvm.IRModule:
    """Relax module with the function `main(image float32[1,3,24,94]) -> logits float32[1,classes,steps]`."""
    return _Lowering(network, family, choose).module()


def feature_maps(network: Network, family: Family) -> dict[str, FeatureMap]:
    """How every layer's output lies in memory, by name; borders are what the next convolution wants."""
    shapes = network.shapes
    maps = {"input": FeatureMap(24, 94, 3, 3, "float32", planar=True)}
    for layer, following in zip(network.layers, (*network.layers[1:], None), strict=True):
        shape = shapes[layer.name]
        stored = _round_up(shape.channels, family.block)
        pad = following.padding if isinstance(following, Conv) else (0, 0)
        maps[layer.name] = FeatureMap(
            shape.height, shape.width, shape.channels, stored, family.activation, pad
        )
    return maps


def conv_shapes(network: Network, family: Family) -> dict[str, ConvShape]:
    """What every convolution, the head included, is generated from, by layer name."""
    maps = feature_maps(network, family)
    shapes = {}
    source = maps["input"]
    for layer in network.layers:
        if isinstance(layer, Conv):
            shapes[layer.name] = ConvShape(layer.weight.shape[2:], source, maps[layer.name], layer.relu)
        source = maps[layer.name]
    joined = sum(maps[c.source].stored for c in network.contexts)
    stored = _round_up(network.classes, family.block)
    shapes["head"] = ConvShape(
        (1, 1),
        FeatureMap(1, network.steps, joined, joined, "float32"),
        FeatureMap(1, network.steps, network.classes, stored, "float32"),
        relu=False,
    )
    return shapes


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
                value, source = image, self.maps["input"]
                for layer in self.network.layers:
                    if isinstance(layer, Conv):
                        value = self._conv(layer, value)
                    else:
                        value = self._pool(layer, value, source)
                    values[layer.name], source = value, self.maps[layer.name]
                logits = self.builder.emit_output(self._tail(values))
            self.builder.emit_func_output(logits)
        return self.builder.finalize()

    def _conv(self, layer: Conv, value: relax.Expr) -> relax.Expr:
        shape = self.shapes[layer.name]
        tile = self.choose(layer.name, shape, self.family)
        weight = pack_weight(layer.weight, shape, self.family, tile)
        function = conv(_symbol(layer.name), shape, self.family, tile)
        return self._call(function, [value, weight, pack_bias(layer.bias, shape)], shape.target)

    def _pool(self, layer: MaxPool, value: relax.Expr, source: FeatureMap) -> relax.Expr:
        target = self.maps[layer.name]
        function = max_pool(_symbol(layer.name), source, target, layer.stride, self.family.lanes)
        return self._call(function, [value], target)

    def _tail(self, values: Mapping[str, relax.Expr]) -> relax.Expr:
        lanes = self.family.lanes
        poolings, means, squares = [], [], []
        for i, c in enumerate(self.network.contexts):
            pooling = Pooling(self.maps[c.source], c.kernel, c.stride)
            stored = pooling.source.stored
            types = [
                relax.TensorType((pooling.columns * stored,), "float32"),
                relax.TensorType((stored,), "float32"),
            ]
            pair = self._emit(context(f"context{i}", pooling, lanes), [values[c.source]], types)
            poolings.append(pooling)
            means.append(self.builder.emit(relax.TupleGetItem(pair, 0)))
            squares.append(self.builder.emit(relax.TupleGetItem(pair, 1)))
        shape = self.shapes["head"]
        joined = self._call(
            concatenate("contexts", poolings, shape.source, lanes), [*means, *squares], shape.source
        )
        result = self._conv(self._spread_head(poolings), joined)
        logits = relax.TensorType((1, self.network.classes, self.network.steps), "float32")
        return self._emit(transpose_logits("logits", shape.target), [result], [logits])

    def _spread_head(self, poolings: list[Pooling]) -> Conv:
        """The head with zero columns where contexts are stored with more channels than they have."""
        head = self.network.head
        columns, start = [], 0
        for pooling in poolings:
            channels, stored = pooling.source.channels, pooling.source.stored
            part = head.weight[:, start : start + channels]
            columns.append(np.pad(part, ((0, 0), (0, stored - channels), (0, 0), (0, 0))))
            start += channels
        return replace(head, weight=np.concatenate(columns, 1))

    def _call(
        self, function: tvm.tirx.PrimFunc, arguments: list[relax.Expr | NDArray[np.generic]], out: FeatureMap
    ) -> relax.Expr:
        return self._emit(function, arguments, [relax.TensorType(out.shape, out.dtype)])

    def _emit(
        self,
        function: tvm.tirx.PrimFunc,
        arguments: list[relax.Expr | NDArray[np.generic]],
        types: list[relax.TensorType],
    ) -> relax.Expr:
        symbol = function.attrs["global_symbol"]
        reference = self.builder.add_func(function, symbol)
        operands = [relax.const(a) if isinstance(a, np.ndarray) else a for a in arguments]
        out = types[0] if len(types) == 1 else types
        return self.builder.emit(relax.call_tir(reference, operands, out))


def _symbol(name: str) -> str:
    return name.replace(".", "_")
