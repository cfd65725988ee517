"""Networks that take pictures as they are, of one size or of any."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from device_runtime.model.abi import Call, Module
from device_runtime.model.memory import aligned_empty

SIZES = 8
"""Sizes of pictures that buffers are kept for: those of a camera's frames and their tiles."""

Takes = Callable[[int, int], bool]
"""Whether kernels are made for pictures of that height and width; of others they would leave the memory."""


class ImageModel:
    """A compiled network from pictures to maps: uint8[H,W,3] → float32[channels,H/stride,W/stride].

    Args:
        module: it is in.
        name: of its function.
        takes: sizes of pictures.
        channels: of its output.
        stride: px of the input a cell of the output.
    """

    def __init__(self, module: Module, name: str, takes: Takes, *, channels: int, stride: int) -> None:
        self._module, self._name, self._takes = module, name, takes
        self._channels, self._stride = channels, stride
        self._calls: dict[tuple[int, int], Call] = {}

    def input(self, height: int, width: int) -> NDArray[np.uint8]:
        """The buffer uint8[height,width,3] that the module reads at that size: writing there saves a copy.

        Raises:
            FatalError: the function does not take that size.
        """
        return self._call(height, width).source

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32[channels,H/stride,W/stride] for *image*; overwritten by the next call for that size.

        Raises:
            FatalError: the function does not take that size, or TVM reported an error.
        """
        call = self._call(*image.shape[:2])
        if image is not call.source:
            np.copyto(call.source, image)
        return call()

    def _call(self, height: int, width: int) -> Call:
        call = self._calls.get((height, width))
        if call is None:
            if not self._takes(height, width):
                raise FatalError(
                    self._name, f"takes no picture of {width}×{height} px", "build the bundle again"
                )
            if len(self._calls) == SIZES:
                del self._calls[next(iter(self._calls))]
            source = aligned_empty((height, width, 3), np.uint8)
            source.fill(0)
            result = aligned_empty((self._channels, height // self._stride, width // self._stride))
            call = self._calls[height, width] = Call(self._module, self._name, source, result)
        return call
