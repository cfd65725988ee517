from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from device_runtime.errors import FatalError
from device_runtime.read.preprocess import prepare
from host.kernels.registry import INT8
from host.network import graph
from host.network.graph import Network
from host.network.int8_sums import INT16_MAX, Int8Sums, Int16Headroom, rows_as_channels
from host.network.integer import accumulate, recover_pixels, run
from host.network.simplify import simplify
from host.quantize import Options, _outputs, largest_activations, quantize
from host.quantize.calibration import read_samples
from host.quantize.equalize import equalize
from host.quantize.observe import OBSERVERS, Histogram, histogram, percentile
from host.quantize.weights import quantize_rows, quantize_weight
from tests.checkpoints import random_checkpoint

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
