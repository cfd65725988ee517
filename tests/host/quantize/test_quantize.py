from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import tvm
from hypothesis import given
from hypothesis import strategies as st
from tvm import relax

from device_runtime.errors import FatalError
from device_runtime.read.decode import greedy
from device_runtime.read.preprocess import prepare
from device_runtime.sources.files import image_files, label_of
from device_runtime.sources.image import read_image
from host.compile.executable import compile_kernels
from host.kernels.float import FLOAT32
from host.kernels.int8 import INT8
from host.kernels.microkernel import MicroKernel
from host.lower.memory import feature_maps
from host.lower.module import lower
from host.network import graph
from host.network.graph import Conv, Network
from host.network.int8_sums import INT16_MAX, Int8Sums, Int16Headroom, rows_as_channels
from host.network.integer import QuantizedNetwork, accumulate, quantized_maps, recover_pixels, run
from host.network.simplify import simplify
from host.quantize import Options, _outputs, largest_activations, quantize
from host.quantize.calibration import read_samples
from host.quantize.equalize import equalize
from host.quantize.observe import OBSERVERS, Histogram, histogram, percentile
from host.quantize.weights import quantize_rows, quantize_weight
from lprnet.network.checkpoint import load_checkpoint
from tests.checkpoints import random_checkpoint
from tests.host.kernels.kernel_cases import from_memory

SAMPLES = Path(__file__).parents[3] / "lprnet" / "samples"
NATIVE = {"mcpu": "x86-64-v3"}
IN_INT16 = (
    Int8Sums(products=2),
    Int8Sums(zero_point=-128, products=4, stride=2),
    Int8Sums(products=4, stride=4, run=2),
)


@pytest.fixture(scope="module")
def network() -> Network:
    return simplify(random_checkpoint())


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return read_samples(SAMPLES, 6)


@pytest.fixture(scope="module")
def quantized(network, samples) -> QuantizedNetwork:
    return quantize(network, samples)


def normal(seed: int = 0) -> Histogram:
    values = torch.from_numpy(np.abs(np.random.default_rng(seed).standard_normal(200_000)).astype(np.float32))
    values[0] = 40
    return histogram(values, 40.0)


def test_min_max_represents_everything() -> None:
    assert OBSERVERS["min-max"](normal()) == 40


@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.999])
def test_percentile_clips_the_rest(fraction) -> None:
    observed = percentile(fraction)(normal())
    values = np.abs(np.random.default_rng(0).standard_normal(200_000))
    assert np.mean(values <= observed) == pytest.approx(fraction, abs=0.01)


def test_entropy_does_not_keep_an_outlier_at_the_cost_of_all_others() -> None:
    assert 3 < OBSERVERS["entropy"](normal()) < 15


def test_least_error_is_less_than_that_of_other_ranges() -> None:
    values = np.abs(np.random.default_rng(1).standard_normal(100_000)).astype(np.float32)
    values[:3] = [17, 18, 20]
    observed = OBSERVERS["mse"](histogram(torch.from_numpy(values), 20.0))

    def error(limit: float) -> float:
        scale = limit / 255
        return float(((np.clip(np.rint(values / scale), 0, 255) * scale - values) ** 2).mean())

    assert error(observed) <= min(map(error, (2.5, 3.0, 20.0)))


@pytest.mark.parametrize("int8_sums", [Int8Sums(), *IN_INT16])
@pytest.mark.parametrize("channels", [3, 23, 64])
def test_weights_are_near_and_sums_fit(int8_sums, channels) -> None:
    rng = np.random.default_rng(channels)
    weight = rng.standard_normal((9, channels, 3, 1)).astype(np.float32)
    weight[1] = 0
    weight[2] = 1
    integers, scale = quantize_weight(weight, np.zeros(9, np.float32), 1.0, int8_sums)
    assert integers.dtype == np.int8
    assert integers.min() >= -127
    error = np.linalg.norm((integers * scale[:, None, None, None] - weight).reshape(9, -1), axis=1)
    widest = np.maximum(np.abs(weight).max((1, 2, 3)) / 127, int8_sums.largest_sum(weight) / INT16_MAX)
    # About what rounding in the scale that clips nothing may cost at worst.
    assert (error <= 0.6 * widest * np.sqrt(weight[0].size)).all()
    if int8_sums.products > 1:
        assert int8_sums.largest_sum(integers).max() <= INT16_MAX
    else:
        assert (np.abs(integers).max((1, 2, 3)) == np.where(weight.any((1, 2, 3)), 127, 0)).all()


@pytest.mark.parametrize("int8_sums", [Int8Sums(), *IN_INT16])
def test_compensated_weights_change_products_less(int8_sums) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((500, 4)) @ rng.standard_normal((4, 24)) + rng.standard_normal((500, 24)) / 9
    weight = rng.standard_normal((9, 24, 1, 1)).astype(np.float32)

    def error(moments: np.ndarray | None) -> float:
        integers, scale = quantize_weight(weight, np.zeros(9, np.float32), 1.0, int8_sums, moments)
        assert int8_sums.products == 1 or int8_sums.largest_sum(integers).max() <= INT16_MAX
        difference = integers * scale[:, None, None, None] - weight
        return float(np.linalg.norm(inputs @ difference.reshape(9, -1).T))

    assert error(inputs.T @ inputs) < 0.5 * error(None)


@pytest.mark.parametrize("int8_sums", IN_INT16)
def test_sums_over_neighbouring_pixels_fit(int8_sums) -> None:
    weight = np.random.default_rng(3).uniform(0.9, 1, (9, 3, 3, 3)).astype(np.float32)
    integers, scale = quantize_rows(weight, np.zeros(9, np.float32), 1.0, int8_sums, np.eye(27))
    assert int8_sums.largest_sum(rows_as_channels(integers)).max() <= INT16_MAX
    np.testing.assert_allclose(integers * scale[:, None, None, None], weight, atol=0.05)


@given(st.sampled_from([*IN_INT16, Int8Sums(products=4)]), st.integers(0, 2**32 - 1))
def test_int16_sums_never_exceed_their_range(int8_sums, seed) -> None:
    rng = np.random.default_rng(seed)
    shape = (3, int(rng.integers(1, 20)), 2, 1)
    sums, places = Int16Headroom(int8_sums, shape), rng.permutation(shape[1] * 2)
    weight = np.empty((3, shape[1] * 2))
    for place in places:
        weight[:, place] = sums.add(place, rng.integers(-127, 128, 3).astype(float))
    assert int8_sums.largest_sum(weight.reshape(shape)).max() <= INT16_MAX


def test_a_dead_channel_keeps_its_bias() -> None:
    weight = np.full((1, 4, 1, 1), 1e-30, np.float32)
    _, scale = quantize_weight(weight, np.array([5.0], np.float32), 0.1, Int8Sums())
    assert np.rint(5.0 / (scale * 0.1)).astype(np.int32) * scale * 0.1 == pytest.approx(5.0, rel=1e-6)


def test_equalizing_keeps_the_function(network, samples) -> None:
    images = torch.from_numpy(samples)
    before = dict(_outputs(network, images))
    equalized = equalize(network, largest_activations(network, images))
    assert set(equalized.factors) == {conv.name for conv in network.convs[:-1]}
    for name, after in _outputs(equalized.network, images):
        factor = equalized.factors.get(name, np.ones(after.shape[1], np.float32))
        original = after * torch.from_numpy(factor)[:, None, None]
        torch.testing.assert_close(original, before[name], rtol=1e-3, atol=1e-4 * float(before[name].max()))


def test_equalizing_evens_the_channels_that_only_a_context_reads(network, samples) -> None:
    images = torch.from_numpy(samples)
    equalized = equalize(network, largest_activations(network, images)).network
    largest = largest_activations(equalized, images)["block3.expand"]
    unread = largest[64:][largest[64:] > 0]
    np.testing.assert_allclose(unread, largest[:64].max(), rtol=1e-3)


def test_pixels_are_recovered_exactly() -> None:
    image = np.arange(24 * 94 * 3, dtype=np.uint32).astype(np.uint8).reshape(24, 94, 3)
    tensor = np.empty((1, 3, 24, 94), np.float32)
    prepare(image, tensor)
    np.testing.assert_array_equal(recover_pixels(torch.from_numpy(tensor))[0], image.transpose(2, 0, 1))


@pytest.mark.parametrize("observer", OBSERVERS)
@pytest.mark.parametrize("equalized", [True, False])
def test_quantized_network_is_near_the_float_one(network, samples, observer, equalized) -> None:
    images = torch.from_numpy(samples)
    expected = graph.run(network, images)
    actual = run(quantize(network, samples, Options(observer, equalized)), images)
    assert float((actual - expected).norm() / expected.norm()) < 0.1


def test_bias_correction_brings_the_means_closer(network, samples) -> None:
    """Of the first layer: what the others start from differs with its correction."""
    images, first = torch.from_numpy(samples), network.convs[0]
    exact = graph.convolve(first, images).mean((0, 2, 3)).numpy()

    def error(correct: bool) -> float:
        options = Options("min-max", equalize=False, correct_bias=correct)
        quantized = quantize(network, samples, options)
        conv = quantized.convs[first.name]
        unit = conv.multiplier * quantized.activation_scales[first.name]
        means = accumulate(conv, recover_pixels(images)).double().mean((0, 2, 3)).numpy() * unit
        return float(np.abs(means - exact).max())

    assert error(True) < error(False) / 5


def test_weights_fit_the_instructions_they_are_for(network, samples) -> None:
    for microkernel in INT8.values():
        quantized = quantize(network, samples, int8_sums=microkernel.int8_sums)
        if microkernel.int8_sums.products > 1:
            for conv in quantized.convs.values():
                assert microkernel.int8_sums.largest_sum(conv.weight).max() <= INT16_MAX


def test_unknown_observer_and_no_samples_are_refused(network, samples) -> None:
    with pytest.raises(FatalError, match="use min-max, percentile, mse, entropy"):
        quantize(network, samples, Options("median"))
    with pytest.raises(FatalError, match="no images"):
        quantize(network, samples[:0])


def module_of(network: Network | QuantizedNetwork, microkernel: MicroKernel) -> tvm.IRModule:
    return lower(network, microkernel).module


def logits(module: tvm.IRModule, images: np.ndarray) -> np.ndarray:
    executable = compile_kernels(module, tvm.target.Target({"kind": "llvm", **NATIVE}))
    main = relax.VirtualMachine(executable.jit(), tvm.cpu())["main"]
    return np.concatenate([main(tvm.runtime.tensor(image[None].copy())).numpy() for image in images])


def kernel_outputs(module: tvm.IRModule, image: np.ndarray) -> dict[str, np.ndarray]:
    """Call the kernels one by one as `main` would; the first output of each, by the kernel's name."""
    functions = {g.name_hint: f for g, f in module.functions_items() if g.name_hint != "main"}
    library = tvm.compile(tvm.IRModule(functions), target=tvm.target.Target({"kind": "llvm", **NATIVE})).jit()
    main = module["main"]
    values: dict[relax.Var, list] = {main.params[0]: [tvm.runtime.tensor(image)]}
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
def test_compiled_integers_are_the_references(network, samples, name) -> None:
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


def test_compiled_logits_are_the_references(network, samples, quantized) -> None:
    microkernel = replace(INT8["plain"], int8_sums=quantized.int8_sums)
    expected = run(quantized, torch.from_numpy(samples))
    np.testing.assert_allclose(
        logits(module_of(quantized, microkernel), samples), expected, rtol=1e-4, atol=1e-4
    )


def test_odd_channel_counts(network, samples) -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["avx512vnni", "avx2", "neon"])
def test_public_checkpoint_loses_less_than_half_a_point(shared, name) -> None:
    """By the arithmetic of each microkernel, calibrated with the samples that builds use."""
    network = simplify(load_checkpoint(shared / "weights" / "Final_LPRNet_model.pth"))
    int8_sums = INT8[name].int8_sums
    quantized = quantize(network, read_samples(SAMPLES, 64), int8_sums=int8_sums)
    microkernel = replace(
        INT8["plain"], int8_sums=int8_sums, activation="int8" if int8_sums.zero_point else "uint8"
    )
    paths = image_files([shared / "data" / "ccpd_val", shared / "data" / "mixed_val"])
    images = np.empty((len(paths), 3, 24, 94), np.float32)
    for path, tensor in zip(paths, images, strict=True):
        prepare(read_image(path), tensor[None])
    alphabet = load_checkpoint(shared / "weights" / "Final_LPRNet_model.pth").alphabet

    def correct(module: tvm.IRModule) -> int:
        texts = [greedy(r, alphabet.characters, alphabet.blank).text for r in logits(module, images)]
        return sum(text == label_of(path) for text, path in zip(texts, paths, strict=True))

    float_correct = correct(module_of(network, FLOAT32["avx2"]))
    assert float_correct == 617
    assert correct(module_of(quantized, microkernel)) >= float_correct - 0.005 * len(paths)
