"""Modules of networks that find plates, against their references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import tvm
from numpy.typing import NDArray
from tvm import relax

from device_runtime.locate.geometry import fit
from device_runtime.locate.letterbox import letterbox, tables
from host.compile.executable import compile_kernels
from host.kernels.microkernel import MicroKernel
from host.kernels.registry import BFLOAT16, FLOAT32, INT8
from host.lower.graphs import lower_graphs
from host.network.conv_graph import IMAGE, ConvGraph, Node, QuantizedGraph, planes, run, run_quantized
from host.network.graph import FloatArray
from host.network.int8_sums import FusedRequantization, Int8Sums
from host.network.integer import IntegerConv
from tests.conv_graphs import random_graph
from tests.host.kernels.kernel_cases import CPU_FLAGS

NATIVE = {"mcpu": "x86-64-v3"}
SIZES = [(32, 64), (96, 64), (64, 80)]


def integers(graph: ConvGraph, int8_sums: Int8Sums) -> QuantizedGraph:
    """Random weights, as small as any int16 sums want them."""
    rng = np.random.default_rng(1)

    def integer_conv(node: Node) -> IntegerConv:
        conv, output = node.conv, node is graph.output
        weight = rng.integers(-30, 31, conv.weight.shape, np.int8)
        bias = rng.integers(-3000, 3000, len(weight), np.int32)
        multiplier = rng.uniform(0.5, 2, len(weight)) / (30 * weight[0].size ** 0.5)
        multiplier = multiplier.astype(np.float32)
        rounding = None
        if int8_sums.fused and not output and not node.add:
            rounding = FusedRequantization.of(weight, bias.astype(np.float64), multiplier)
        ratio: FloatArray = rng.uniform(0.2, 1, len(weight)).astype(np.float32)
        return IntegerConv(
            name=node.name,
            weight=weight,
            bias=bias if rounding is None else rounding.bias,
            multiplier=multiplier,
            padding=conv.padding,
            dequantized=output,
            addend=None if rounding is None else rounding.addend,
            relu=conv.relu,
            stride=conv.stride,
            ratio=ratio if node.add else None,
        )

    return QuantizedGraph(
        graph=graph, convs={node.name: integer_conv(node) for node in graph.nodes}, int8_sums=int8_sums
    )


def outputs(
    network: ConvGraph | QuantizedGraph,
    microkernel: MicroKernel,
    images: Sequence[NDArray[np.uint8]],
    cpu: Mapping[str, str] = NATIVE,
) -> list[NDArray[np.float32]]:
    module = lower_graphs([network], microkernel).module
    executable = compile_kernels(module, tvm.target.Target({"kind": "llvm", **cpu}))
    function = relax.VirtualMachine(executable.jit(), tvm.cpu())["random"]
    return [function(tvm.runtime.tensor(image)).numpy() for image in images]


def pictures(sizes: Sequence[tuple[int, int]]) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(2)
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


@pytest.mark.parametrize("name", ["avx2", "plain"])
def test_integers_of_any_size_are_the_references(name: str) -> None:
    microkernel = INT8[name]
    assert microkernel.int8_sums is not None
    network, images = integers(random_graph(area=128 * 128), microkernel.int8_sums), pictures(SIZES)
    for image, output in zip(images, outputs(network, microkernel, images), strict=True):
        np.testing.assert_array_equal(output, run_quantized(network, planes(image[None]))[0].numpy())


@pytest.mark.parametrize("area", [None, 128 * 128])
def test_floats_are_the_references(area: int | None) -> None:
    network, images = random_graph(area=area), pictures(SIZES if area else SIZES[:1])
    for image, output in zip(images, outputs(network, FLOAT32["avx2"], images), strict=True):
        np.testing.assert_allclose(output, run(network, planes(image[None]))[0].numpy(), atol=1e-4)


def test_bfloat16_is_near_the_reference() -> None:
    if "avx512_bf16" not in CPU_FLAGS:
        pytest.skip("this CPU has no avx512_bf16")
    network, (image,) = random_graph(area=128 * 128), pictures(SIZES[:1])
    (output,) = outputs(network, BFLOAT16, [image], {"mcpu": "cooperlake"})
    expected = run(network, planes(image[None]))[0].numpy()
    np.testing.assert_allclose(output, expected, atol=0.02 * np.abs(expected).max())


def test_a_module_has_a_function_for_each_network() -> None:
    first, second = random_graph(area=128 * 128), random_graph(seed=1)
    second = ConvGraph(name="second", nodes=second.nodes, height=32, width=64)
    lowered = lower_graphs([first, second], FLOAT32["avx2"])
    assert isinstance(lowered.module["random"], relax.Function)
    assert isinstance(lowered.module["second"], relax.Function)
    names = [kernel.name for kernel in lowered.kernels]
    assert names[:2] == [f"random.{IMAGE}", "random.a"]
    assert names[-3:] == ["second.planes", "letterbox", "warp"]
    assert len(set(names)) == len(names) == 2 * (len(first.nodes) + 2) + 2


def test_a_frame_is_scaled_as_on_a_device() -> None:
    module = lower_graphs([], INT8["avx2"]).module
    executable = compile_kernels(module, tvm.target.Target({"kind": "llvm", **NATIVE}))
    function = relax.VirtualMachine(executable.jit(), tvm.cpu())["letterbox"]
    for width, height in ((320, 200), (60, 90)):
        frame, to = pictures([(height, width)])[0], fit(width, height)
        arguments = map(tvm.runtime.tensor, (frame, *tables(width, height, to)))
        np.testing.assert_array_equal(function(*arguments).numpy(), letterbox(frame, to))
