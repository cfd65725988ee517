from __future__ import annotations

import numpy as np
import pytest

from device_runtime.sources.raw import RAW, decode_raw, raw_bytes
from device_runtime.sources.settings import PIXEL_FORMATS


@pytest.mark.parametrize("pixel_format", sorted(RAW))
def test_grey_stays_grey(pixel_format: str) -> None:
    """128 is grey in every format."""
    size = (18, 10)
    image = decode_raw(bytes([128]) * raw_bytes(pixel_format, size), pixel_format, size)
    assert image.shape == (10, 18, 3) and image.dtype == np.uint8
    assert np.ptp(image) == 0 and abs(int(image[0, 0, 0]) - 128) < 4
    image[:] = 0


def test_what_a_user_may_name_is_known() -> None:
    assert set(PIXEL_FORMATS) == {"MJPG", *RAW}
    assert raw_bytes("I420", (64, 48)) == 4608
