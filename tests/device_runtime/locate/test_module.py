from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from device_runtime.bundle.manifest import LocatorInfo, Manifest, read_manifest
from device_runtime.bundle.verify import verify
from device_runtime.errors import FatalError
from device_runtime.locate.geometry import fit
from device_runtime.locate.letterbox import letterbox
from device_runtime.locate.locator import Scoring
from device_runtime.locate.module import SHAPES, open_locator

Seal = Callable[[Path, Manifest], Manifest]


@pytest.fixture
def broken(located_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the bundle to break."""
    return Path(shutil.copytree(located_bundle, tmp_path / "bundle"))


def with_locator(manifest: Manifest, **changes: object) -> Manifest:
    assert manifest.locator
    return msgspec.structs.replace(manifest, locator=msgspec.structs.replace(manifest.locator, **changes))


def test_a_bundle_without_a_locator_has_none(pristine_bundle: Path) -> None:
    bundle = verify(pristine_bundle)
    assert bundle.locator is None and open_locator(bundle) is None


def test_it_is_as_the_manifest_says(located_bundle: Path) -> None:
    locator = open_locator(verify(located_bundle))
    assert locator is not None
    assert locator.scoring == Scoring(find=0.25, refine=0.5, offset=0.125)
    assert (locator.search.threshold, locator.search.proposing) == (0.3, 0.1)
    assert locator.search.area == 320 * 320
    image = np.full((32, 64, 3), 7, np.uint8)
    assert (locator.find(image) == 7).all() and locator.find(image).shape == (11, 4, 8)
    assert locator.refine(np.zeros((64, 128, 3), np.uint8)).shape == (6, 16, 32)


@pytest.mark.parametrize("size", [(1, 1), (270, 480), (60, 40), (33, 700)])
def test_it_scales_frames_as_the_host_does(located_bundle: Path, size: tuple[int, int]) -> None:
    locator = open_locator(verify(located_bundle))
    assert locator is not None and locator.letterbox is not letterbox
    rng, to = np.random.default_rng(0), fit(size[1], size[0])
    for _ in range(2):
        frame = rng.integers(0, 256, (*size, 3), np.uint8)
        # A view: its rows are not end to end in memory.
        frame = np.concatenate([frame, frame], 1)[:, : size[1]]
        scaled = locator.letterbox(frame, to)
        assert np.array_equal(scaled, letterbox(frame, to))
        # It is where `find` reads.
        assert np.array_equal(locator.find(scaled)[0], scaled[::8, ::8, 0])


def test_many_shapes_of_frames_keep_no_memory(located_bundle: Path) -> None:
    locator = open_locator(verify(located_bundle))
    assert locator is not None
    for width in range(100, 100 + SHAPES + 2):
        frame = np.full((90, width, 3), width, np.uint8)
        to = fit(width, 90)
        assert np.array_equal(locator.letterbox(frame, to), letterbox(frame, to))


def test_it_is_checked_on_its_golden_inputs(broken: Path, seal: Seal) -> None:
    path = broken / "locator_golden.bin"
    path.write_bytes(path.read_bytes()[:-4] + np.float32(1e6).tobytes())
    seal(broken, read_manifest(broken))
    with pytest.raises(FatalError, match=r"golden outputs of refine are off by 1e\+06, more"):
        open_locator(verify(broken))
    path.write_bytes(path.read_bytes()[:-4])
    seal(broken, read_manifest(broken))
    with pytest.raises(FatalError, match=r"locator_golden\.bin: is too short"):
        open_locator(verify(broken))


def test_a_module_that_is_missing_or_damaged_is_one_line(broken: Path, seal: Seal) -> None:
    path = broken / "locator.so"
    data = path.read_bytes()
    path.unlink()
    with pytest.raises(FatalError, match=r"locator\.so: cannot be read"):
        verify(broken)
    path.write_bytes(data[:-1])
    with pytest.raises(FatalError, match=rf"locator\.so: has {len(data) - 1} bytes instead of {len(data)}"):
        verify(broken)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(FatalError, match=r"locator\.so: does not match its SHA-256"):
        verify(broken)
    # Well described, but no library.
    path.write_text("would not load")
    seal(broken, read_manifest(broken))
    with pytest.raises(FatalError, match=r"locator\.so: cannot be loaded"):
        open_locator(verify(broken))


def test_a_module_of_other_shapes_is_refused(broken: Path, seal: Seal) -> None:
    manifest = read_manifest(broken)
    info = manifest.locator
    assert isinstance(info, LocatorInfo)
    seal(broken, with_locator(manifest, refine=msgspec.structs.replace(info.refine, channels=5)))
    with pytest.raises(FatalError, match=r"refine returns \[6, 16, 32\], and the manifest says"):
        open_locator(verify(broken))
