"""Modules compiled for this machine, against the references in integers and in floats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import tvm
from numpy.typing import NDArray
from tvm import relax

from device_runtime.read.decode import greedy
from device_runtime.read.preprocess import prepare
from device_runtime.sources.files import image_files, label_of
from device_runtime.sources.image import read_image
from host.compile.executable import compile_kernels
from host.kernels.microkernel import MicroKernel
from host.kernels.registry import FLOAT32, INT8
from host.lower.memory import feature_maps
from host.lower.module import lower
from host.network.graph import Conv, Network
from host.network.integer import QuantizedNetwork, quantized_maps, run
from host.network.simplify import simplify
from host.paths import SAMPLES
from host.quantize import quantize
from host.quantize.calibration import read_samples
from lprnet.network.checkpoint import Checkpoint, load_checkpoint
from tests.checkpoints import random_checkpoint
from tests.host.kernels.kernel_cases import from_memory

NATIVE = {"mcpu": "x86-64-v3"}


@pytest.fixture(scope="module")
def network() -> Network:
    return simplify(random_checkpoint())


@pytest.fixture(scope="module")
def samples() -> NDArray[np.float32]:
    return read_samples(SAMPLES, 6)


@pytest.fixture(scope="module")
def quantized(network: Network, samples: NDArray[np.float32]) -> QuantizedNetwork:
    return quantize(network, samples)


def module_of(network: Network | QuantizedNetwork, microkernel: MicroKernel) -> tvm.IRModule:
    return lower(network, microkernel).module


def logits(module: tvm.IRModule, images: NDArray[np.float32]) -> NDArray[np.float32]:
    executable = compile_kernels(module, tvm.target.Target({"kind": "llvm", **NATIVE}))
    main = relax.VirtualMachine(executable.jit(), tvm.cpu())["main"]
    return np.concatenate([main(tvm.runtime.tensor(image[None].copy())).numpy() for image in images])


def kernel_outputs(module: tvm.IRModule, image: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
    """Call the kernels one by one as `main` would; the first output of each, by the kernel's name."""
    functions = {g.name_hint: f for g, f in module.functions_items() if g.name_hint != "main"}
    library = tvm.compile(tvm.IRModule(functions), target=tvm.target.Target({"kind": "llvm", **NATIVE})).jit()
    main = module["main"]
    values: dict[relax.Var, list[tvm.runtime.Tensor]] = {main.params[0]: [tvm.runtime.tensor(image)]}
    outputs = {}
    for binding in main.body.blocks[0].bindings:
        value = binding.value
        if isinstance(value, relax.TupleGetItem):
            values[binding.var] = [values[value.tuple_value][value.index]]
        elif isinstance(value, relax.Call):
            name = value.args[0].name_hint
            inputs = [values[a][0] if a in values else a.value for a in value.args[1].fields]
            types = [p.ty for p in functions[name].params][len(inputs) :]
            results = [tvm.runtime.empty(tuple(map(int, t.shape)), str(t.dtype)) for t in types]
            library[name](*inputs, *results)
            values[binding.var] = results
            outputs[name] = results[0].numpy()
        else:
            values[binding.var] = values[value]
    return outputs


@pytest.mark.parametrize("name", ["avx2", "plain"])
def test_compiled_integers_are_the_references(
    network: Network, samples: NDArray[np.float32], name: str
) -> None:
    """Every convolution's and pool's output, bit for bit."""
    microkernel = INT8[name]
    quantized = quantize(network, samples, int8_sums=microkernel.int8_sums)
    outputs = kernel_outputs(module_of(quantized, microkernel), samples[:1])
    expected = quantized_maps(quantized, torch.from_numpy(samples[:1]))
    layouts = feature_maps(network, microkernel)
    for layer in network.layers:
        layout = layouts[layer.name]
        ph, pw = layout.pad
        actual = from_memory(outputs[layer.name.replace(".", "_")], layout)
        inner = actual[: layout.channels, ph : ph + layout.height, pw : pw + layout.width]
        np.testing.assert_array_equal(inner, expected[layer.name][0].numpy(), layer.name)
    assert len({int(v) for v in np.unique(expected["block3.reduce"])}) > 100


def test_compiled_logits_are_the_references(
    network: Network, samples: NDArray[np.float32], quantized: QuantizedNetwork
) -> None:
    microkernel = replace(INT8["plain"], int8_sums=quantized.int8_sums)
    expected = run(quantized, torch.from_numpy(samples))
    np.testing.assert_allclose(
        logits(module_of(quantized, microkernel), samples), expected, rtol=1e-4, atol=1e-4
    )


def test_odd_channel_counts(network: Network, samples: NDArray[np.float32]) -> None:
    """As a pruned network has them."""
    thin = thinned(network, 0.37)
    microkernel = INT8["avx2"]
    quantized = quantize(thin, samples, int8_sums=microkernel.int8_sums)
    expected = run(quantized, torch.from_numpy(samples[:2]))
    np.testing.assert_allclose(
        logits(module_of(quantized, microkernel), samples[:2]), expected, rtol=1e-4, atol=1e-4
    )


def thinned(network: Network, share: float) -> Network:
    """Only the first channels of every map but the last."""
    layers, keep = [], {"input": 3}
    current = 3
    for layer in network.layers:
        if isinstance(layer, Conv):
            last = layer is network.convs[-1]
            out = layer.weight.shape[0] if last else max(3, int(layer.weight.shape[0] * share) | 1)
            layer = replace(layer, weight=layer.weight[:out, :current].copy(), bias=layer.bias[:out])
            current = out
        else:
            layer = replace(layer, channels=min(layer.channels, current))
            current = layer.channels
        layers.append(layer)
        keep[layer.name] = current
    columns, start = [], 0
    for context in network.contexts:
        columns.append(network.head.weight[:, start : start + keep[context.source]])
        start += network.shapes[context.source].channels
    head = replace(network.head, weight=np.concatenate(columns, 1))
    return replace(network, layers=tuple(layers), head=head)


@dataclass(frozen=True, eq=False)
class Public:
    """The public checkpoint and the real plates it is measured on.

    Attributes:
        float_correct: how many it reads in floats.
    """

    checkpoint: Checkpoint
    network: Network
    paths: list[Path]
    images: NDArray[np.float32]
    float_correct: int = 0

    def correct(self, module: tvm.IRModule) -> int:
        """How many *module* reads."""
        alphabet = self.checkpoint.alphabet
        texts = [greedy(r, alphabet.characters, alphabet.blank).text for r in logits(module, self.images)]
        return sum(text == label_of(path) for text, path in zip(texts, self.paths, strict=True))


@pytest.fixture(scope="module")
def public(shared: Path) -> Public:
    checkpoint = load_checkpoint(shared / "weights" / "Final_LPRNet_model.pth")
    paths = image_files([shared / "data" / "ccpd_val", shared / "data" / "mixed_val"])
    images = np.empty((len(paths), 3, 24, 94), np.float32)
    for path, tensor in zip(paths, images, strict=True):
        prepare(read_image(path), tensor[None])
    unread = Public(checkpoint, simplify(checkpoint), paths, images)
    return replace(unread, float_correct=unread.correct(module_of(unread.network, FLOAT32["avx2"])))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["avx512vnni", "avx2", "neon"])
def test_public_checkpoint_loses_less_than_half_a_point(public: Public, name: str) -> None:
    """By the arithmetic of each microkernel, calibrated with the samples that builds use."""
    int8_sums = INT8[name].int8_sums
    quantized = quantize(public.network, read_samples(SAMPLES, 64), int8_sums=int8_sums)
    microkernel = replace(
        INT8["plain"], int8_sums=int8_sums, activation="int8" if int8_sums.zero_point else "uint8"
    )
    assert public.float_correct == 617
    correct = public.correct(module_of(quantized, microkernel))
    assert correct >= public.float_correct - 0.005 * len(public.paths)
