"""`ConvGraph`s or `QuantizedGraph`s → one Relax module with a function for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tvm import relax, tirx

from host.kernels.conv import conv
from host.kernels.emit import Expr
from host.kernels.extent import LEAST, variable
from host.kernels.feature_map import FeatureMap
from host.kernels.image import CHANNELS, border_image
from host.kernels.letterbox import PAIR, letterbox
from host.kernels.microkernel import MicroKernel
from host.kernels.pack import pack_vector, pack_weight
from host.kernels.planar import planes
from host.kernels.tile import default_tile
from host.kernels.warp import warp
from host.lower.memory import graph_maps
from host.lower.module import ConvCall, KernelCall, Lowered
from host.lower.operands import Numbers, graph_operands
from host.lower.tuned import Records
from host.lower.workload import graph_workloads
from host.network.conv_graph import IMAGE, ConvGraph, Node, QuantizedGraph

LEAST_ROWS = 2
"""The least height of an input, in cells of its grid."""


def lower_graphs(
    networks: Sequence[ConvGraph | QuantizedGraph], microkernel: MicroKernel, records: Records | None = None
) -> Lowered:
    """Generate kernels for every network, and a function of its name that calls them; and `letterbox`.

    A function takes uint8[H,W,3] and returns float32[channels,H/stride,W/stride]. H and W are the network's
    own, or of a network with an `area` any multiples of its grid with at most as many pixels, W at least
    `LEAST` times the grid and H `LEAST_ROWS` times. `letterbox` takes a frame and `Tables`. The kernel
    `warp_kernel` takes a picture, `Numbers` and the image to be written.

    Args:
        microkernel: for `QuantizedGraph`s one with the `int8_sums` that they were quantized for.
        records: tiles that were tuned; `default_tile` where they have none.
    """
    builder = relax.BlockBuilder()
    kernels: list[KernelCall] = []
    for network in networks:
        kernels += _GraphLowering(builder, network, microkernel, records or Records("")).run()
    kernels += [_letterbox(builder, microkernel), _warp(builder, microkernel)]
    return Lowered(builder.get(), tuple(kernels))


def _letterbox(builder: relax.BlockBuilder, microkernel: MicroKernel) -> KernelCall:
    """The function of `device_runtime.locate.letterbox`."""
    function = letterbox("letterbox_kernel", 2 * microkernel.fp32.lanes)
    height, width, rows, columns, row_taps, column_pairs = (
        tirx.Var(name, "int64") for name in ("h", "w", "rows", "columns", "row_taps", "column_pairs")
    )
    tensors: dict[str, tuple[Sequence[Expr], str]] = {
        "frame": ((height, width, CHANNELS), "uint8"),
        "size": ((2,), "int32"),
        "row_start": ((rows,), "int32"),
        "row_weights": ((rows, row_taps), "uint8"),
        "column_start": ((columns,), "int32"),
        "column_weights": ((column_pairs, columns, PAIR), "int16"),
    }
    parameters = [relax.Var(name, relax.TensorType(*of)) for name, of in tensors.items()]
    target = relax.TensorType((rows, columns, CHANNELS), "uint8")
    with builder.function("letterbox", parameters):
        reference = builder.add_func(function, "letterbox_kernel")
        builder.emit_func_output(builder.emit(relax.call_tir(reference, parameters, target)))
    return KernelCall("letterbox", function)


def _warp(builder: relax.BlockBuilder, microkernel: MicroKernel) -> KernelCall:
    """The kernel of `device_runtime.locate.warp`, which no function calls."""
    function = warp("warp_kernel", max(microkernel.fp32.lanes, 2))
    builder.add_func(function, "warp_kernel")
    return KernelCall("warp", function)


class _GraphLowering:
    """A function as it grows, kernel by kernel."""

    def __init__(
        self,
        builder: relax.BlockBuilder,
        network: ConvGraph | QuantizedGraph,
        microkernel: MicroKernel,
        records: Records,
    ) -> None:
        self.graph = graph = network.graph if isinstance(network, QuantizedGraph) else network
        self.builder, self.microkernel, self.records = builder, microkernel, records
        self.kernels: list[KernelCall] = []
        self.numbers: dict[Expr, Expr] = {}
        self.bounds: dict[str, int] = {}
        rows: Expr = graph.height
        columns: Expr = graph.width
        inner: list[Expr] = [graph.height // graph.grid, graph.width // graph.grid]
        cells = inner
        if graph.area is not None:
            # The kernels' numbers are int32 like all their indices, Relax's are int64.
            rows, columns = tirx.Var("height", "int64"), tirx.Var("width", "int64")
            inner = [variable("h"), variable("w")]
            cells = [rows // graph.grid, columns // graph.grid]
            self.numbers = {v: cell.astype("int32") for v, cell in zip(inner, cells, strict=True)}
            self.bounds = {
                "height": graph.area // (LEAST * graph.grid),
                "width": graph.area // (LEAST_ROWS * graph.grid),
            }
        self.size = rows, columns
        self.maps = graph_maps(graph, microkernel, *inner)
        self.tensors = graph_maps(graph, microkernel, *cells)
        self.workloads = graph_workloads(network, microkernel, self.maps)
        self.operands = graph_operands(network, self.workloads)

    def run(self) -> list[KernelCall]:
        graph, builder = self.graph, self.builder
        image = relax.Var("image", relax.TensorType((*self.size, CHANNELS), "uint8"))
        with builder.function(graph.name, [image]):
            function = border_image(self._symbol(IMAGE), self.maps[IMAGE])
            values = {IMAGE: self._call(IMAGE, function, [image], self.tensors[IMAGE])}
            for node in graph.nodes:
                values[node.name] = self._convolution(node, values)
            output = self.tensors[graph.output.name]
            function = planes(self._symbol("planes"), self.maps[graph.output.name])
            shape = output.channels, output.height, output.width
            tensor = relax.TensorType(shape, "float32")
            self.kernels.append(KernelCall(f"{graph.name}.planes", function))
            planar = self._emit(
                function, [values[graph.output.name]], self.maps[graph.output.name].variables, tensor
            )
            builder.emit_func_output(planar)
        if self.bounds:
            # Memory is planned for the largest of each, and only what a call needs of it is ever touched.
            module, name = builder.get(), self.graph.name
            builder.update_func(
                module.get_global_var(name), module[name].with_attr("tir_var_upper_bound", self.bounds)
            )
        return self.kernels

    def _convolution(self, node: Node, values: dict[str, relax.Expr]) -> relax.Expr:
        workload, constants = self.workloads[node.name], self.operands[node.name]
        shape, microkernel = workload.shape, workload.microkernel
        record = self.records.of(*workload.keys)
        tile = record.tile if record else default_tile(shape, microkernel)
        function = conv(self._symbol(node.name), shape, microkernel, tile)
        arguments = [values[node.source], pack_weight(constants.weight, shape, microkernel, tile)]
        arguments += [pack_vector(v, shape, microkernel, tile) for v in constants.vectors]
        if node.add:
            arguments.append(values[node.add])
            if constants.ratio is not None:
                arguments.append(pack_vector(constants.ratio, shape, microkernel, tile))
        name = f"{self.graph.name}.{node.name}"
        call = ConvCall(name, function, workload=workload, tile=tile, tuned=record is not None)
        self.kernels.append(call)
        return self._emit(function, arguments, shape.variables, _tensor(self.tensors[node.name]))

    def _call(
        self, name: str, function: tirx.PrimFunc, arguments: Sequence[relax.Expr], target: FeatureMap
    ) -> relax.Expr:
        self.kernels.append(KernelCall(f"{self.graph.name}.{name}", function))
        return self._emit(function, arguments, self.maps[name].variables, _tensor(target))

    def _emit(
        self,
        function: tirx.PrimFunc,
        arguments: Sequence[relax.Expr | Numbers],
        variables: Sequence[Expr],
        out: relax.TensorType,
    ) -> relax.Expr:
        reference = self.builder.add_func(function, function.attrs["global_symbol"])
        values = [relax.const(a) if isinstance(a, np.ndarray) else a for a in arguments]
        values += [self.numbers[v] for v in variables]
        return self.builder.emit(relax.call_tir(reference, relax.Tuple(values), out))

    def _symbol(self, name: str) -> str:
        return f"{self.graph.name}_{name}".replace(".", "_")


def _tensor(layout: FeatureMap) -> relax.TensorType:
    return relax.TensorType(layout.shape, layout.dtype)
