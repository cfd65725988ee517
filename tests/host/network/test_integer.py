"""The reference in integers."""

from __future__ import annotations

import numpy as np
import torch

from device_runtime.read.preprocess import prepare
from host.network.integer import recover_pixels


def test_pixels_are_recovered_exactly() -> None:
    image = np.arange(24 * 94 * 3, dtype=np.uint32).astype(np.uint8).reshape(24, 94, 3)
    tensor = np.empty((1, 3, 24, 94), np.float32)
    prepare(image, tensor)
    np.testing.assert_array_equal(recover_pixels(torch.from_numpy(tensor))[0], image.transpose(2, 0, 1))
