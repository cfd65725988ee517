from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.bundle.manifest import read_manifest
from device_runtime.locate.geometry import fit


@pytest.mark.parametrize(
    "size", [(1920, 1080), (1080, 1920), (94, 24), (300, 100), (100, 300), (4000, 100), (7680, 4320), (1, 1)]
)
def test_find_takes_whatever_a_frame_is_fitted_to(bundle_of_users: Path, size: tuple[int, int]) -> None:
    locator = read_manifest(bundle_of_users).locator
    assert locator is not None
    fitted = fit(*size, locator.find.area or 0)
    assert locator.find.takes(fitted.height, fitted.width), fitted
