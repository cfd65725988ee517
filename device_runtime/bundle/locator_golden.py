"""Golden inputs and outputs of the locator's networks, which differ in size.

image uint8 [height][width][BGR], its map float32 little-endian [channels][height / stride][width / stride],
then the next image
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from device_runtime.bundle.golden import read_member
from device_runtime.bundle.manifest import GoldenMapInfo, LocatorGoldenInfo, LocatorInfo
from device_runtime.errors import FatalError

LOCATOR_GOLDEN = "locator_golden.bin"


@dataclass(frozen=True, eq=False, kw_only=True)
class GoldenMap:
    """What a network must compute.

    Attributes:
        network: its name.
        image: BGR uint8 [height, width, 3].
        output: the host's for it, float32 [channels, height / stride, width / stride].
    """

    network: Literal["find", "refine"]
    image: NDArray[np.uint8]
    output: NDArray[np.float32]


def describe(maps: Sequence[GoldenMap], atol: float) -> LocatorGoldenInfo:
    """What a manifest says of the file that `encode` makes of *maps*; *atol*: how far a number may be off."""
    infos, offset = [], 0
    for golden in maps:
        height, width = golden.image.shape[:2]
        infos.append(GoldenMapInfo(network=golden.network, height=height, width=width, offset=offset))
        offset += golden.image.nbytes + golden.output.nbytes
    return LocatorGoldenInfo(file=LOCATOR_GOLDEN, atol=atol, maps=tuple(infos))


def encode(maps: Sequence[GoldenMap]) -> bytes:
    """The file of *maps*, laid out as `describe` says."""
    return b"".join(golden.image.tobytes() + golden.output.astype("<f4").tobytes() for golden in maps)


def decode(data: bytes, info: LocatorInfo, source: str) -> tuple[GoldenMap, ...]:
    """Golden maps from where *info* says they lie in *data*.

    Args:
        data: the file that `info.golden` names.
        info: the manifest's.
        source: what to name in an error, usually the file's path.

    Raises:
        FatalError: *data* is too short for what *info* says.
    """
    maps = []
    for golden in info.golden.maps:
        network = info.find if golden.network == "find" else info.refine
        image = (golden.height, golden.width, 3)
        output = (network.channels, golden.height // network.stride, golden.width // network.stride)
        count = int(np.prod(image))
        try:
            pixels = np.frombuffer(data, np.uint8, count, golden.offset).reshape(image)
            values = np.frombuffer(data, "<f4", int(np.prod(output)), golden.offset + count).reshape(output)
        except ValueError as error:
            raise FatalError(
                source, f"is too short ({error})", "copy the bundle to the board again"
            ) from None
        maps.append(GoldenMap(network=golden.network, image=pixels, output=values.astype(np.float32)))
    return tuple(maps)


def read_locator_golden(bundle: Path, info: LocatorInfo) -> tuple[GoldenMap, ...]:
    """The golden maps of a bundle.

    Raises:
        FatalError: the file cannot be read, and where `decode` raises it.
    """
    path = bundle / info.golden.file
    return decode(read_member(path), info, str(path))
