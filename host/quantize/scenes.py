"""Rendered pictures that show a quantizer what the locator's networks will see."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from device_runtime.locate.decode import CHANNELS, STRIDE
from lprnet.scenes.generator import Generator
from lprnet.training.views import ViewGenerator

SEED = 29
"""Of the scenes; training has others."""
SCENES, SIZE = 6, 320
"""Pictures for the first network, and their sides in px: they are as large as inputs may be."""
VIEWS = 40
"""Pictures for the second network, a multiple of those of a scene."""


@cache
def scene_samples() -> NDArray[np.uint8]:
    """Inputs of the network that proposes plates: uint8[N,H,W,3]."""
    return Generator(SEED, size=SIZE).raw_batch(0, SCENES).images


@cache
def view_samples() -> NDArray[np.uint8]:
    """Inputs of the network that looks at one plate: uint8[N,64,128,3], three of four show one."""
    return ViewGenerator.of(Generator(SEED), _finds_nothing).raw_batch(0, VIEWS).images


def _finds_nothing(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """So that views are cut around true places, which do not depend on weights."""
    return np.full((CHANNELS, image.shape[0] // STRIDE, image.shape[1] // STRIDE), -20, np.float32)
