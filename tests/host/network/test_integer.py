"""The reference in integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from device_runtime.read.preprocess import prepare
from host.network.integer import IntegerConv, accumulate, recover_pixels, rescale


def test_pixels_are_recovered_exactly() -> None:
    image = np.arange(24 * 94 * 3, dtype=np.uint32).astype(np.uint8).reshape(24, 94, 3)
    tensor = np.empty((1, 3, 24, 94), np.float32)
    prepare(image, tensor)
    np.testing.assert_array_equal(recover_pixels(torch.from_numpy(tensor))[0], image.transpose(2, 0, 1))


def added(**changes: object) -> IntegerConv:
    """A 1×1 convolution of one channel that adds another map."""
    conv = IntegerConv(
        name="a",
        weight=np.ones((1, 1, 1, 1), np.int8),
        bias=np.zeros(1, np.int32),
        multiplier=np.full(1, 0.25, np.float32),
        padding=(0, 0),
        dequantized=False,
        ratio=np.full(1, 0.5, np.float32),
    )
    return replace(conv, **changes)  # type: ignore[arg-type]


def test_an_added_map_is_rounded_together_with_the_sums() -> None:
    """1 · 0.25 + 1 · 0.5 are 0.75, and 1; rounded apart, both would be 0."""
    sums, other = torch.tensor([[[[1]]]], dtype=torch.int32), torch.tensor([[[[1.0, 0], [3, 255]]]])
    assert rescale(added(), sums, other).tolist() == [[[[1, 0], [2, 128]]]]
    assert rescale(added(multiplier=np.full(1, -2, np.float32)), sums, other).tolist() == [
        [[[0, 0], [0, 126]]]
    ]
    assert rescale(added(multiplier=np.full(1, 900, np.float32)), sums, other).unique().tolist() == [255]


def test_real_values_keep_their_sign_without_a_relu() -> None:
    sums = torch.tensor([[[[-4, 4]]]], dtype=torch.int32)
    for relu, least in ((True, 0.0), (False, -1.0)):
        conv = added(dequantized=True, relu=relu, ratio=None)
        assert rescale(conv, sums).tolist() == [[[[least, 1.0]]]]


def test_strides_pass_pixels_over() -> None:
    q = torch.arange(12.0).reshape(1, 1, 3, 4)
    assert accumulate(added(stride=2), q).tolist() == [[[[0, 2], [8, 10]]]]
