from __future__ import annotations

import pytest

from device_runtime.model.memory import ALIGNMENT, aligned_empty


@pytest.mark.parametrize("shape", [(1, 3, 24, 94), (1,), (7, 5)])
def test_buffers_are_aligned(shape: tuple[int, ...]) -> None:
    arrays = [aligned_empty(shape) for _ in range(20)]
    assert all(a.ctypes.data % ALIGNMENT == 0 and a.shape == shape and a.flags.c_contiguous for a in arrays)
