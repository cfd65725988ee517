"""Weights in int8, within what instructions admit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from host.network.int8_sums import INT16_MAX, Int8Sums, rows_as_channels
from host.quantize.weights import quantize_rows, quantize_weight

IN_INT16 = (
    Int8Sums(products=2),
    Int8Sums(zero_point=-128, products=4, stride=2),
    Int8Sums(products=4, stride=4, run=2),
)
"""Sums of products in 16 bits."""


@pytest.mark.parametrize("int8_sums", [Int8Sums(), *IN_INT16])
@pytest.mark.parametrize("channels", [3, 23, 64])
def test_weights_are_near_and_sums_fit(int8_sums: Int8Sums, channels: int) -> None:
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
def test_compensated_weights_change_products_less(int8_sums: Int8Sums) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((500, 4)) @ rng.standard_normal((4, 24)) + rng.standard_normal((500, 24)) / 9
    weight = rng.standard_normal((9, 24, 1, 1)).astype(np.float32)

    def error(moments: NDArray[np.float64] | None) -> float:
        integers, scale = quantize_weight(weight, np.zeros(9, np.float32), 1.0, int8_sums, moments)
        assert int8_sums.products == 1 or int8_sums.largest_sum(integers).max() <= INT16_MAX
        difference = integers * scale[:, None, None, None] - weight
        return float(np.linalg.norm(inputs @ difference.reshape(9, -1).T))

    assert error(inputs.T @ inputs) < 0.5 * error(None)


@pytest.mark.parametrize("int8_sums", IN_INT16)
def test_sums_over_neighbouring_pixels_fit(int8_sums: Int8Sums) -> None:
    weight = np.random.default_rng(3).uniform(0.9, 1, (9, 3, 3, 3)).astype(np.float32)
    integers, scale = quantize_rows(weight, np.zeros(9, np.float32), 1.0, int8_sums, np.eye(27))
    assert int8_sums.largest_sum(rows_as_channels(integers)).max() <= INT16_MAX
    np.testing.assert_allclose(integers * scale[:, None, None, None], weight, atol=0.05)


def test_a_dead_channel_keeps_its_bias() -> None:
    weight = np.full((1, 4, 1, 1), 1e-30, np.float32)
    _, scale = quantize_weight(weight, np.array([5.0], np.float32), 0.1, Int8Sums())
    assert np.rint(5.0 / (scale * 0.1)).astype(np.int32) * scale * 0.1 == pytest.approx(5.0, rel=1e-6)
