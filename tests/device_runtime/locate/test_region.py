from __future__ import annotations

import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.locate.region import crop


def test_crop() -> None:
    image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    assert np.array_equal(crop(image, (2, 1, 5, 3)), image[1:4, 2:7])
    for region in ((4, 0, 5, 1), (0, 4, 1, 3)):
        with pytest.raises(FatalError, match="not within the frame of 8×6"):
            crop(image, region)
