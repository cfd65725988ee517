"""The quantized network against the float one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from host.kernels.registry import INT8
from host.network import graph
from host.network.graph import Network
from host.network.int8_sums import INT16_MAX
from host.network.integer import accumulate, recover_pixels, run
from host.quantize import Options, quantize
from host.quantize.observe import OBSERVERS


@pytest.mark.slow
@pytest.mark.parametrize("observer", OBSERVERS)
@pytest.mark.parametrize("equalized", [True, False])
def test_quantized_network_is_near_the_float_one(
    network: Network, samples: NDArray[np.float32], observer: str, equalized: bool
) -> None:
    images = torch.from_numpy(samples)
    expected = graph.run(network, images)
    actual = run(quantize(network, samples, Options(observer, equalized)), images)
    assert float((actual - expected).norm() / expected.norm()) < 0.1


@pytest.mark.slow
def test_bias_correction_brings_the_means_closer(network: Network, samples: NDArray[np.float32]) -> None:
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


@pytest.mark.slow
def test_weights_fit_the_instructions_they_are_for(network: Network, samples: NDArray[np.float32]) -> None:
    narrow = {m.int8_sums for m in INT8.values() if m.int8_sums.products > 1}
    assert len(narrow) >= 3
    for int8_sums in narrow:
        for conv in quantize(network, samples, int8_sums=int8_sums).convs.values():
            assert int8_sums.largest_sum(conv.weight).max() <= INT16_MAX


@pytest.mark.slow
def test_threads_change_nothing(network: Network, samples: NDArray[np.float32]) -> None:
    before = torch.get_num_threads()
    quantized = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            quantized.append(quantize(network, samples))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    one, two = (q.convs for q in quantized)
    assert all(np.array_equal(conv.weight, two[name].weight) for name, conv in one.items())
    assert all(np.array_equal(conv.multiplier, two[name].multiplier) for name, conv in one.items())


def test_unknown_observer_and_no_samples_are_refused(network: Network, samples: NDArray[np.float32]) -> None:
    with pytest.raises(FatalError, match="use min-max, percentile, mse, entropy"):
        quantize(network, samples, Options("median"))
    with pytest.raises(FatalError, match="no images"):
        quantize(network, samples[:0])
