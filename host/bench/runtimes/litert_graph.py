"""LPRNet as a LiteRT flat buffer, written operation by operation.

The ways from PyTorch bring TensorFlow (onnx2tf) or JAX and transformers (litert-torch) along, several
hundred megabytes for fifteen convolutions; the schema's Python classes come with the runtime.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from host.bench.runtimes.infer import Float
from host.bench.runtimes.ranges import weight_scales
from host.network.graph import Context, Conv, MaxPool, Network

_OPERATORS, _OPTIONS = schema.BuiltinOperator, schema.BuiltinOptions
_TYPES = {"f": schema.TensorType.FLOAT32, "b": schema.TensorType.INT8, "i": schema.TensorType.INT32}
# Versions that know int8 (tensorflow/compiler/mlir/lite/tools/versioning/op_version.cc).
_VERSIONS = {"CONV_2D": 3, "MAX_POOL_2D": 2, "SLICE": 2, "DEQUANTIZE": 2}


@dataclass(frozen=True)
class Scale:
    """real = scale · (quantized − zero)."""

    scale: float
    zero: int

    @staticmethod
    def between(low: float, high: float) -> Scale:
        """The int8 scale whose ends are *low* ≤ 0 and *high*."""
        scale = (high - low) / 255
        return Scale(scale, round(-128 - low / scale))


@dataclass(frozen=True, kw_only=True)
class Value:
    """A tensor [1,H,W,C] of the graph; int8 where it has a scale."""

    index: int
    height: int
    width: int
    channels: int
    scale: Scale | None = None


@dataclass(frozen=True)
class Ranges:
    """Largest outputs of the backbone's convolutions, and what the head takes and gives, as |x|."""

    outputs: Sequence[float]
    joined: float
    logits: float


def build(network: Network, ranges: Ranges | None = None) -> bytes:
    """The flat buffer of *network*: image float32[1,24,94,3] → logits float32[1,18,classes].

    Args:
        network: as from `host.network.simplify.simplify`.
        ranges: for int8. Convolutions and max pools then compute in int8; the contexts and their
            normalization stay fp32, as XNNPACK has no int8 average pool.
    """
    graph = _Graph()
    shape = network.input
    image = current = graph.value("image", shape.height, shape.width, shape.channels)
    if ranges is not None:
        current = graph.quantize(image, Scale.between(-1.0, 1.0))
    outputs = iter(ranges.outputs if ranges else ())
    maps = {}
    for layer in network.layers:
        if isinstance(layer, Conv):
            current = graph.convolve(layer, current, Scale.between(0.0, next(outputs)) if ranges else None)
        else:
            current = graph.max_pool(layer, current)
        maps[layer.name] = current
    contexts = [graph.context(context, maps[context.source]) for context in network.contexts]
    joined = graph.concatenate(contexts)
    if ranges is None:
        scores = graph.convolve(network.head, joined, None)
    else:
        joined = graph.quantize(joined, Scale.between(0.0, ranges.joined))
        scale = Scale.between(-ranges.logits, ranges.logits)
        scores = graph.real(graph.convolve(network.head, joined, scale))
    return graph.finish(image, graph.mean(scores, (1,), keep=False))


class _Graph:
    def __init__(self) -> None:
        self._codes: list[str] = []
        self._operators: list[Any] = []
        self._tensors: list[Any] = []
        # Buffer 0 is the empty one, by convention.
        self._buffers = [schema.BufferT()]

    def value(self, name: str, height: int, width: int, channels: int, scale: Scale | None = None) -> Value:
        kind = np.int8 if scale else np.float32
        index = self._tensor(name, (1, height, width, channels), kind, scale)
        return Value(index=index, height=height, width=width, channels=channels, scale=scale)

    def quantize(self, x: Value, scale: Scale) -> Value:
        return self._like("QUANTIZE", x, scale, schema.QuantizeOptionsT())

    def real(self, x: Value) -> Value:
        return x if x.scale is None else self._like("DEQUANTIZE", x, None, schema.DequantizeOptionsT())

    def convolve(self, layer: Conv, x: Value, scale: Scale | None) -> Value:
        """`scale` is the output's, or None for fp32."""
        weight = np.ascontiguousarray(layer.weight.transpose(0, 2, 3, 1))
        if scale is None:
            constants = [self._constant(layer.name, weight), self._constant(f"{layer.name}.b", layer.bias)]
        else:
            constants = self._quantized(layer, weight, x)
        options = schema.Conv2DOptionsT()
        options.padding = schema.Padding.SAME if any(layer.padding) else schema.Padding.VALID
        options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
        if layer.relu:
            options.fusedActivationFunction = schema.ActivationFunctionType.RELU
        height, width = layer.output_size(x.height, x.width)
        out = self.value(f"{layer.name}.out", height, width, len(weight), scale)
        self._operator("CONV_2D", [x.index, *constants], out.index, options)
        return out

    def max_pool(self, layer: MaxPool, x: Value) -> Value:
        if layer.channels < x.channels:
            begin = self._constant(f"{layer.name}.begin", np.zeros(4, np.int32))
            size = self._constant(
                f"{layer.name}.size", np.array([1, x.height, x.width, layer.channels], np.int32)
            )
            leading = self.value(f"{layer.name}.slice", x.height, x.width, layer.channels, x.scale)
            self._operator("SLICE", [x.index, begin, size], leading.index, schema.SliceOptionsT())
            x = leading
        return self._pool("MAX_POOL_2D", layer.name, x, (3, 3), (1, layer.stride))

    def context(self, context: Context, x: Value) -> Value:
        """The pooled map divided by the mean of its squares."""
        x, name = self.real(x), f"context.{context.source}"
        if context.kernel != (1, 1):
            x = self._pool("AVERAGE_POOL_2D", name, x, context.kernel, context.stride)
        square = self._binary("MUL", f"{name}.square", x, x, schema.MulOptionsT())
        mean = self.mean(square, (1, 2, 3), keep=True)
        return self._binary("DIV", f"{name}.scaled", x, mean, schema.DivOptionsT())

    def concatenate(self, values: Sequence[Value]) -> Value:
        options = schema.ConcatenationOptionsT()
        options.axis = 3
        first = values[0]
        out = self.value("joined", first.height, first.width, sum(v.channels for v in values))
        self._operator("CONCATENATION", [v.index for v in values], out.index, options)
        return out

    def mean(self, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
        options = schema.ReducerOptionsT()
        options.keepDims = keep
        sizes = [1, x.height, x.width, x.channels]
        shape = [1 if axis in axes else size for axis, size in enumerate(sizes)]
        kept = shape if keep else [size for axis, size in enumerate(sizes) if axis not in axes]
        index = self._tensor(f"mean.{x.index}", kept, np.float32)
        constant = self._constant(f"axes.{index}", np.array(axes, np.int32))
        self._operator("MEAN", [x.index, constant], index, options)
        return Value(index=index, height=shape[1], width=shape[2], channels=shape[3])

    def finish(self, image: Value, logits: Value) -> bytes:
        subgraph, model = schema.SubGraphT(), schema.ModelT()
        subgraph.tensors, subgraph.operators = self._tensors, self._operators
        subgraph.inputs, subgraph.outputs, subgraph.name = [image.index], [logits.index], "main"
        model.version, model.description = 3, "LPRNet"
        model.buffers, model.subgraphs, model.operatorCodes = self._buffers, [subgraph], []
        for name in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = getattr(_OPERATORS, name)
            code.version = _VERSIONS.get(name, 1)
            model.operatorCodes.append(code)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _like(self, operator: str, x: Value, scale: Scale | None, options: Any) -> Value:
        out = self.value(f"{operator.lower()}.{x.index}", x.height, x.width, x.channels, scale)
        self._operator(operator, [x.index], out.index, options)
        return out

    def _binary(self, operator: str, name: str, a: Value, b: Value, options: Any) -> Value:
        out = self.value(name, a.height, a.width, a.channels)
        self._operator(operator, [a.index, b.index], out.index, options)
        return out

    def _pool(
        self, operator: str, name: str, x: Value, kernel: tuple[int, int], stride: tuple[int, int]
    ) -> Value:
        options = schema.Pool2DOptionsT()
        options.padding = schema.Padding.VALID
        options.filterHeight, options.filterWidth = kernel
        options.strideH, options.strideW = stride
        height, width = (
            (size - k) // s + 1 for size, k, s in zip((x.height, x.width), kernel, stride, strict=True)
        )
        out = self.value(f"{name}.pool", height, width, x.channels, x.scale)
        self._operator(operator, [x.index], out.index, options)
        return out

    def _quantized(self, layer: Conv, weight: Float, x: Value) -> list[int]:
        """Weights int8 symmetric by output channel, and biases int32 in units of input × weight."""
        assert x.scale is not None
        scales = weight_scales(weight)
        quantized = np.rint(weight / scales[:, None, None, None]).astype(np.int8)
        bias = np.rint(layer.bias / (scales * x.scale.scale)).astype(np.int32)
        return [
            self._constant(layer.name, quantized, scales),
            self._constant(f"{layer.name}.b", bias, scales * x.scale.scale),
        ]

    def _constant(self, name: str, data: NDArray, scales: Float | None = None) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
        self._buffers.append(buffer)
        index = self._tensor(name, data.shape, data.dtype.type)
        self._tensors[index].buffer = len(self._buffers) - 1
        if scales is not None:
            self._tensors[index].quantization = _quantization(scales.tolist(), [0] * len(scales))
        return index

    def _tensor(self, name: str, shape: Sequence[int], kind: type, scale: Scale | None = None) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), 0
        tensor.type = _TYPES[np.dtype(kind).char]
        if scale is not None:
            tensor.quantization = _quantization([scale.scale], [scale.zero])
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _operator(self, name: str, inputs: Sequence[int], output: int, options: Any) -> None:
        if name not in self._codes:
            self._codes.append(name)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = (
            self._codes.index(name),
            list(inputs),
            [output],
        )
        operator.builtinOptions = options
        operator.builtinOptionsType = getattr(_OPTIONS, type(options).__name__.removesuffix("T"))
        self._operators.append(operator)


def _quantization(scales: list[float], zeros: list[int]) -> Any:
    """By output channel, the first dimension, where there are several scales."""
    quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint, quantization.quantizedDimension = scales, zeros, 0
    return quantization
