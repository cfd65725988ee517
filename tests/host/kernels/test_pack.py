"""Weights in the order in which kernels read them."""

from __future__ import annotations

import numpy as np
import pytest

from host.kernels.microkernel import MicroKernel
from host.kernels.pack import pack_vector, pack_weight
from host.kernels.registry import FLOAT32, INT8
from host.kernels.shape import Tile
from tests.host.kernels.kernel_cases import ConvCase


def test_weights_lie_by_tile_tap_channel_vector_and_lane() -> None:
    microkernel, tile = FLOAT32["avx2"], Tile(4, 2)
    case = ConvCase(kernel=(3, 2), channels=(5, 24), size=(6, 7))
    weight = np.arange(24 * 5 * 3 * 2, dtype=np.float32).reshape(24, 5, 3, 2)
    packed = pack_weight(weight, case.shape(microkernel), microkernel, tile)
    # [tile of channels][kh][kw][in][vector of the tile][lane]: two vectors of eight channels, then one.
    first, last = packed[: 16 * 30].reshape(3, 2, 5, 2, 8), packed[16 * 30 :].reshape(3, 2, 5, 1, 8)
    np.testing.assert_array_equal(first[2, 1, 3, 1], weight[8:16, 3, 2, 1])
    np.testing.assert_array_equal(last[0, 1, 4, 0], weight[16:24, 4, 0, 1])


def test_weights_of_channels_that_one_instruction_sums_lie_together() -> None:
    microkernel, tile = INT8["avxvnni"], Tile(4, 1)
    case = ConvCase(kernel=(1, 1), channels=(6, 8), size=(6, 7))
    weight = np.arange(48, dtype=np.int8).reshape(8, 6, 1, 1)
    packed = pack_weight(weight, case.shape(microkernel), microkernel, tile).reshape(2, 8, 4)
    np.testing.assert_array_equal(packed[0], weight[:, :4, 0, 0])
    np.testing.assert_array_equal(packed[1, :, :2], weight[:, 4:, 0, 0])
    assert not packed[1, :, 2:].any()


@pytest.mark.parametrize("microkernel", [*FLOAT32.values(), *INT8.values()], ids=lambda m: m.name)
def test_vectors_are_in_the_order_of_the_weights_with_zeros_at_the_end(
    microkernel: MicroKernel,
) -> None:
    case = ConvCase(kernel=(1, 1), channels=(8, 21), size=(3, 3))
    shape = case.shape(microkernel)
    values = np.arange(1, 22, dtype=np.float32)
    packed = pack_vector(values, shape, microkernel, Tile(2, 2))
    assert len(packed) == shape.target.stored
    np.testing.assert_array_equal(np.sort(packed)[-21:], values)
    assert np.count_nonzero(packed) == 21
