"""The locator at work in PyTorch, as a board has it compiled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from device_runtime.locate.locator import Locator
from lprnet.locator.network import ConvNet, LocatorNet, input_of

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""A network: an input uint8[H,W,3] BGR → float32[channels,h,w]."""


def in_torch(network: ConvNet) -> Run:
    """*network*, which is in evaluation mode, in float32."""

    def run(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.no_grad():
            return np.asarray(network(input_of(torch.from_numpy(image)[None]))[0].float().numpy())

    return run


def locator_of(networks: LocatorNet) -> Locator:
    """Finds plates with *networks*, which are in evaluation mode."""
    return Locator(find=in_torch(networks.find), refine=in_torch(networks.refine))
