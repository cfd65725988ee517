"""Channels brought to like ranges."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from host.network.graph import Network
from host.quantize import conv_outputs, largest_activations
from host.quantize.equalize import equalize


def test_equalizing_keeps_the_function(network: Network, samples: NDArray[np.float32]) -> None:
    images = torch.from_numpy(samples)
    before = dict(conv_outputs(network, images))
    equalized = equalize(network, largest_activations(network, images))
    assert set(equalized.factors) == {conv.name for conv in network.convs[:-1]}
    for name, after in conv_outputs(equalized.network, images):
        factor = equalized.factors.get(name, np.ones(after.shape[1], np.float32))
        original = after * torch.from_numpy(factor)[:, None, None]
        torch.testing.assert_close(original, before[name], rtol=1e-3, atol=1e-4 * float(before[name].max()))


def test_equalizing_evens_the_channels_that_only_a_context_reads(
    network: Network, samples: NDArray[np.float32]
) -> None:
    images = torch.from_numpy(samples)
    equalized = equalize(network, largest_activations(network, images)).network
    largest = largest_activations(equalized, images)["block3.expand"]
    unread = largest[64:][largest[64:] > 0]
    np.testing.assert_allclose(unread, largest[:64].max(), rtol=1e-3)
