"""What int8 instructions demand of weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.network.int8_sums import INT16_MAX, MAGIC, MAGIC_BITS, FusedRequantization, Int8Sums, Int16Headroom

IN_INT16 = (
    Int8Sums(products=2),
    Int8Sums(zero_point=-128, products=4, stride=2),
    Int8Sums(products=4, stride=4, run=2),
)
"""Sums of products in 16 bits."""


@given(st.sampled_from([*IN_INT16, Int8Sums(products=4)]), st.integers(0, 2**32 - 1))
def test_int16_sums_never_exceed_their_range(int8_sums: Int8Sums, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (3, int(rng.integers(1, 20)), 2, 1)
    sums, places = Int16Headroom(int8_sums, shape), rng.permutation(shape[1] * 2)
    weight = np.empty((3, shape[1] * 2))
    for place in places:
        weight[:, place] = sums.add(place, rng.integers(-127, 128, 3).astype(float))
    assert int8_sums.largest_sum(weight.reshape(shape)).max() <= INT16_MAX


@pytest.mark.parametrize(
    "int8_sums", [*IN_INT16, Int8Sums(zero_point=-128, products=3)], ids=lambda s: f"{s.products} {s.run}"
)
def test_largest_sum_is_the_largest_that_activations_can_make(int8_sums: Int8Sums) -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, (3, 11, 2, 1), np.int8)
    low, high = int8_sums.zero_point, 255 + int8_sums.zero_point
    padded = np.zeros((3, 24, 2), np.int64)
    padded[:, :11] = weight[..., 0]
    largest = np.zeros(3)
    run, stride = int8_sums.run, int8_sums.stride
    block = int8_sums.products // run * stride
    for start in range(0, 24 // block * block, block):
        for first in range(start, start + stride, run):
            channels = [c + i for c in range(first, start + block, stride) for i in range(run)]
            chosen = padded[:, channels]
            top = np.maximum(chosen * low, chosen * high).sum(1).max(1)
            bottom = np.minimum(chosen * low, chosen * high).sum(1).min(1)
            largest = np.maximum(largest, np.maximum(top, -bottom))
    np.testing.assert_array_equal(int8_sums.largest_sum(weight), largest)


def test_one_multiply_add_of_a_sums_bits_scales_and_rounds_it() -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, (5, 8, 1, 1), np.int8)
    bias = rng.uniform(-5000, 5000, 5)
    multiplier = rng.uniform(1e-3, 4e-3, 5).astype(np.float32)
    fused = FusedRequantization.of(weight, bias, multiplier)
    assert fused is not None
    q = rng.integers(0, 256, (8, 100))
    sums = MAGIC_BITS + fused.bias[:, None] + weight[:, :, 0, 0].astype(np.int64) @ q
    read = sums.astype(np.int32).view(np.float32).astype(np.float64)
    # In float64 the product and the sum are exact, so that only the conversion to float32 rounds.
    rounded = (read * multiplier[:, None] + fused.addend[:, None]).astype(np.float32)
    real = (weight[:, :, 0, 0].astype(np.float64) @ q + bias[:, None]) * multiplier[:, None]
    np.testing.assert_allclose(rounded.view(np.int32) - MAGIC_BITS, real, atol=0.51)
    assert (rounded - MAGIC == rounded.view(np.int32) - MAGIC_BITS).all()


def test_sums_that_would_leave_a_floats_integers_are_not_fused() -> None:
    weight = np.full((1, 256, 3, 3), 127, np.int8)
    assert FusedRequantization.of(weight, np.zeros(1), np.full(1, 1e-3, np.float32)) is None
