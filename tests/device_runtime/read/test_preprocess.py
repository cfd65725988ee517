from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.model.memory import aligned_empty
from device_runtime.read.preprocess import DEFAULT, prepare, resize
from device_runtime.sources.image import read_image

RNG = np.random.default_rng(3)


PLATE = RNG.integers(0, 256, (24, 94, 3), np.uint8)


def test_prepare_is_the_formula_exactly() -> None:
    out = aligned_empty((1, 3, 24, 94))
    prepare(PLATE, out)
    expected = (PLATE.astype(np.float64) - 127.5) * 0.0078125
    assert np.array_equal(out[0], expected.transpose(2, 0, 1))


def test_prepare_resizes_as_opencv_does() -> None:
    image = RNG.integers(0, 256, (60, 180, 3), np.uint8)
    large, small = aligned_empty((1, 3, 24, 94)), aligned_empty((1, 3, 24, 94))
    prepare(image, large)
    prepare(cv2.resize(image, (94, 24), interpolation=cv2.INTER_LINEAR_EXACT), small)
    assert np.array_equal(large, small)
    assert resize(PLATE) is PLATE


def test_what_is_twice_as_fine_is_shrunk_to_means_of_areas_first() -> None:
    fine = RNG.integers(0, 256, (74, 285, 3), np.uint8)
    means = fine[:72, :285].reshape(24, 3, 95, 3, 3).mean((1, 3))
    shrunk = cv2.resize(np.uint8(means.round()), (94, 24), interpolation=cv2.INTER_LINEAR_EXACT)
    assert np.abs(resize(fine).astype(int) - shrunk).max() <= 1


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((24, 94, 2), np.uint8),
        np.zeros((24, 94, 3), np.float32),
        np.zeros((94,), np.uint8),
        np.zeros((1, 24, 94, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(image: np.ndarray) -> None:
    with pytest.raises(FatalError, match="image"):
        prepare(image, aligned_empty((1, 3, 24, 94)))


def test_the_smallest_image_is_an_image(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(cv2.imencode(".png", PLATE[:1, :1])[1].tobytes())
    out = aligned_empty((1, 3, 24, 94))
    prepare(read_image(tmp_path / "x.png"), out)
    assert np.array_equal(np.unique(out[0, 0]), np.unique(out[0, 0, 0, 0]))


def test_grey_is_opencvs_in_all_three_channels() -> None:
    out = aligned_empty((1, 3, 24, 94))
    prepare(PLATE, out, msgspec.structs.replace(DEFAULT, color="GRAY"))
    expected = (cv2.cvtColor(PLATE, cv2.COLOR_BGR2GRAY).astype(np.float64) - 127.5) * 0.0078125
    assert all(np.array_equal(plane, expected) for plane in out[0])
