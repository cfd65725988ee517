"""Rendered pictures that show a quantizer what the locator's networks will see."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from device_runtime.locate.decode import CHANNELS, STRIDE
from lprnet.scenes.generator import Generator
from lprnet.training.views import EACH, ViewGenerator

SEED = 29
"""Of the scenes; training has others."""
SCENES, SIZE = 32, 320
"""Pictures for the first network, and their sides in px: they are as large as inputs may be."""
VIEWS = 160
"""Pictures for the second network.

So many of both that large and bright plates, which reach the largest activations, are among them.
"""


@cache
def scene_samples(count: int = SCENES) -> NDArray[np.uint8]:
    """The first inputs of the network that proposes plates: uint8[count,H,W,3]."""
    return Generator(SEED, size=SIZE).raw_batch(0, count).images


@cache
def view_samples(count: int = VIEWS) -> NDArray[np.uint8]:
    """The first inputs of the network that looks at one plate: uint8[count,64,128,3]."""
    whole = -(-count // EACH) * EACH
    return ViewGenerator.of(Generator(SEED), _finds_nothing).raw_batch(0, whole).images[:count]


def _finds_nothing(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """So that views are cut around true places, which do not depend on weights."""
    return np.full((CHANNELS, image.shape[0] // STRIDE, image.shape[1] // STRIDE), -20, np.float32)
