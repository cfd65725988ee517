"""`Network` or `QuantizedNetwork` → Relax module of hand-scheduled kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax, tirx

from device_runtime.read.preprocess import DEFAULT
from host.kernels.context import Pooling, concatenate, context, transpose_logits, window_scale
from host.kernels.conv import conv
from host.kernels.emit import tensors
from host.kernels.image import quantize_image
from host.kernels.microkernel import MicroKernel
from host.kernels.pack import pack_vector, pack_weight
from host.kernels.pool import max_pool
from host.kernels.shape import Tile
from host.kernels.tile import default_tile
from host.lower.memory import feature_maps
from host.lower.operands import ConvOperands, Numbers, operands
from host.lower.tuned import Records
from host.lower.workload import Workload, workloads
from host.network.graph import Conv, MaxPool, Network
from host.network.integer import PIXEL_MEAN, PIXEL_SCALE, QuantizedNetwork

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class KernelCall:
    """A kernel that `main` calls once.

    Attributes:
        name: the layer that it computes; or `image`, `context0` …, `contexts`, `logits`.
        function: the kernel.
    """

    name: str
    function: tirx.PrimFunc


@dataclass(frozen=True, kw_only=True)
class ConvCall(KernelCall):
    """A convolution's kernel.

    Attributes:
        workload: what it was generated from.
        tile: its register tile.
        tuned: the tile is a tuning record's, not `default_tile`.
    """

    workload: Workload
    tile: Tile
    tuned: bool


@dataclass(frozen=True, eq=False)
class Lowered:
    """A network in kernels.

    Attributes:
        module: Relax module with `main(image float32[1,3,24,94]) -> logits float32[1,classes,steps]`.
        kernels: in the order in which `main` calls them.
    """

    module: tvm.IRModule
    kernels: tuple[KernelCall, ...]

    @property
    def convolutions(self) -> tuple[ConvCall, ...]:
        """The kernels that are convolutions, the head among them."""
        return tuple(kernel for kernel in self.kernels if isinstance(kernel, ConvCall))


def lower(
    network: Network | QuantizedNetwork, microkernel: MicroKernel, records: Records | None = None
) -> Lowered:
    """Generate a kernel for every layer, and `main`, which calls them.

    Args:
        microkernel: for a `QuantizedNetwork` one with the `int8_sums` that it was quantized for.
        records: tiles that were tuned; `default_tile` where they have none.
    """
    if isinstance(network, QuantizedNetwork):
        assert microkernel.int8_sums == network.int8_sums
    return _Lowering(network, microkernel, records or Records("")).run()


class _Lowering:
    """A module as it grows, kernel by kernel."""

    def __init__(
        self, network: Network | QuantizedNetwork, microkernel: MicroKernel, records: Records
    ) -> None:
        self.network = network.network if isinstance(network, QuantizedNetwork) else network
        self.microkernel, self.records = microkernel, records
        self.maps = feature_maps(self.network, microkernel)
        self.workloads = workloads(network, microkernel)
        self.operands = operands(network, self.workloads)
        self.builder = relax.BlockBuilder()
        self.kernels: list[KernelCall] = []

    def run(self) -> Lowered:
        image = relax.Var("image", relax.TensorType((1, 3, DEFAULT.height, DEFAULT.width), "float32"))
        with self.builder.function("main", [image]):
            with self.builder.dataflow():
                value, source = self._image(image), "input"
                values = {source: value}
                for layer in self.network.layers:
                    if isinstance(layer, Conv):
                        value = self._convolution(layer.name, self.operands.convs[layer.name], value)
                    else:
                        value = self._pool(layer, value, source)
                    values[layer.name], source = value, layer.name
                logits = self.builder.emit_output(self._logits(values))
            self.builder.emit_func_output(logits)
        return Lowered(self.builder.finalize(), tuple(self.kernels))

    def _image(self, image: relax.Expr) -> relax.Expr:
        """What the first convolution reads: the image, or its bytes."""
        target = self.maps["input"]
        if target.planar:
            return image
        lanes = self.microkernel.fp32.lanes
        return self._call("image", quantize_image("image", target, PIXEL_MEAN, PIXEL_SCALE, lanes), [image])

    def _convolution(self, name: str, constants: ConvOperands, value: relax.Expr) -> relax.Expr:
        workload = self.workloads[name]
        shape, microkernel = workload.shape, workload.microkernel
        record = self.records.of(*workload.keys)
        tile = record.tile if record else default_tile(shape, microkernel)
        function = conv(symbol_of(name), shape, microkernel, tile)
        vectors = [pack_vector(v, shape, microkernel, tile) for v in constants.vectors]
        weight = pack_weight(constants.weight, shape, microkernel, tile)
        call = ConvCall(name, function, workload=workload, tile=tile, tuned=record is not None)
        self.kernels.append(call)
        return self._emit(function, [value, weight, *vectors])

    def _pool(self, layer: MaxPool, value: relax.Expr, source: str) -> relax.Expr:
        lanes, maps = self.microkernel.activations_per_register, self.maps
        function = max_pool(symbol_of(layer.name), maps[source], maps[layer.name], layer.stride, lanes)
        return self._call(layer.name, function, [value])

    def _logits(self, values: Mapping[str, relax.Expr]) -> relax.Expr:
        """The contexts of the maps *values*, the head and the logits."""
        poolings = [Pooling(self.maps[c.source], c.kernel, c.stride) for c in self.network.contexts]
        pooled: list[relax.Expr | Numbers] = [
            self._context(f"context{i}", pooling, c.source, values[c.source])
            for i, (pooling, c) in enumerate(zip(poolings, self.network.contexts, strict=True))
        ]
        factor, head = self.operands.factor, self.operands.convs["head"]
        if factor is not None:
            pooled.append(_as_stored(factor, poolings, 0))
        shape, lanes = self.workloads["head"].shape, self.microkernel.fp32.lanes
        joined = concatenate("contexts", poolings, shape.source, lanes, scaled=factor is not None)
        value = self._call("contexts", joined, pooled)
        head = replace(head, weight=_as_stored(head.weight, poolings, 1))
        value = self._convolution("head", head, value)
        return self._call("logits", transpose_logits("logits", shape.target), [value])

    def _context(self, name: str, pooling: Pooling, source: str, value: relax.Expr) -> relax.Expr:
        stored_as = self.microkernel.activation
        microkernel = self.microkernel if pooling.source.dtype == stored_as else self.microkernel.fp32
        arguments: list[relax.Expr | Numbers] = [value]
        if pooling.source.dtype in ("int8", "uint8"):
            arguments.append(window_scale(pooling, self.operands.scales[source]))
        return self._call(name, context(name, pooling, microkernel.activations_per_register), arguments)

    def _call(
        self, name: str, function: tirx.PrimFunc, arguments: Sequence[relax.Expr | Numbers]
    ) -> relax.Expr:
        self.kernels.append(KernelCall(name, function))
        return self._emit(function, arguments)

    def _emit(self, function: tirx.PrimFunc, arguments: Sequence[relax.Expr | Numbers]) -> relax.Expr:
        """Call *function*; its last parameter is what it returns."""
        reference = self.builder.add_func(function, function.attrs["global_symbol"])
        constants = [relax.const(a) if isinstance(a, np.ndarray) else a for a in arguments]
        out = relax.TensorType(*tensors(function)[-1])
        return self.builder.emit(relax.call_tir(reference, constants, out))


def _as_stored(values: NDArray[Scalar], poolings: Sequence[Pooling], axis: int) -> NDArray[Scalar]:
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
