"""The image as bytes."""

from __future__ import annotations

import pytest

from host.kernels.image import image_map
from host.kernels.int8 import Int8
from host.kernels.registry import INT8


@pytest.mark.parametrize("microkernel", INT8.values(), ids=lambda m: m.name)
def test_a_pixel_goes_on_with_its_neighbours_bytes(microkernel: Int8) -> None:
    image = image_map(24, 94, 3, microkernel)
    per_load = microkernel.for_source(image).channels_per_load
    assert (image.pixel, image.row, image.channels) == (4, 94 * 4, 12)
    assert image.stored >= 12 and image.stored % per_load == 0
    # The last pixel's neighbours lie beyond the rows.
    assert image.shape == (24 * 94 * 4 + image.stored - 4,)
