"""What a loaded model is to the benchmark."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

Infer = Callable[[Float], Float]
"""Input float32[1,3,24,94] → logits float32[1,classes,18], which the next call may overwrite."""
