"""From a frame to its plates, in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lprnet.locator.decode import Floats, Found, decode
from lprnet.locator.geometry import AREA, fit, letterbox
from lprnet.locator.network import ConvNet, input_of

Image = NDArray[np.uint8]
Run = Callable[[Image], Floats]
"""A network: an input uint8[H,W,3] BGR → float32[channels,h,w]."""


def in_torch(network: ConvNet) -> Run:
    """*network*, which is in evaluation mode, in float32."""

    def run(image: Image) -> Floats:
        with torch.no_grad():
            return np.asarray(network(input_of(torch.from_numpy(image)[None]))[0].float().numpy())

    return run


@dataclass(frozen=True)
class Locator:
    """Finds plates.

    Attributes:
        find: the network `network.FIND`.
        area: px of its input, at most.
    """

    find: Run
    area: int = AREA

    def locate(self, frame: Image, threshold: float = 0.3) -> Found:
        """Plates of *frame* (uint8[H,W,3] BGR) whose score is at least *threshold*, the surest first."""
        to = fit(frame.shape[1], frame.shape[0], self.area)
        found = decode(self.find(letterbox(frame, to)), threshold)
        corners = np.asarray(found.corners / np.array(to.scale), np.float32)
        return Found(corners, found.scores, found.two_rows)
