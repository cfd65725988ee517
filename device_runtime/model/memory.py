"""Memory that compiled code accepts."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

ALIGNMENT = 64
"""Bytes: TVM's generated code uses aligned vector loads up to the width of an AVX-512 register."""


def aligned_empty(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray:
    """An uninitialized C-contiguous array that begins on a 64-byte boundary (numpy promises 16)."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(kind).reshape(shape)
