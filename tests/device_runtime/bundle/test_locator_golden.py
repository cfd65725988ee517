from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from device_runtime.bundle.locator_golden import decode, describe, encode, read_locator_golden
from device_runtime.bundle.manifest import Manifest
from device_runtime.errors import FatalError


def test_round_trip(located: Manifest, located_bundle: Path) -> None:
    info = located.locator
    assert info
    maps = read_locator_golden(located_bundle, info)
    assert [golden.network for golden in maps] == ["find", "find", "refine"]
    assert [golden.output.shape for golden in maps] == [(11, 8, 12), (11, 12, 4), (6, 16, 32)]
    described = msgspec.structs.replace(info, golden=describe(maps[::-1], 0.5))
    again = decode(encode(maps[::-1]), described, "x")
    for golden, other in zip(maps, again[::-1], strict=True):
        assert golden.network == other.network
        assert np.array_equal(golden.image, other.image)
        assert np.array_equal(golden.output, other.output) and other.output.dtype == np.float32


def test_a_short_or_missing_file_is_refused(located: Manifest, tmp_path: Path) -> None:
    info = located.locator
    assert info
    for size in (0, 100):
        with pytest.raises(FatalError, match="golden maps: is too short"):
            decode(bytes(size), info, "golden maps")
    with pytest.raises(FatalError, match=r"locator_golden\.bin: cannot be read \(No such file"):
        read_locator_golden(tmp_path, info)
