from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.read.preprocess import prepare
from device_runtime.sources.files import image_files
from device_runtime.sources.image import read_image
from host.bench.data import load_images
from host.paths import KOREAN_SAMPLES, LATIN_SAMPLES, SAMPLES
from host.quantize.calibration import CALIBRATION_IMAGES, pick, read_samples, samples_for
from lprnet.network.alphabet import KNOWN


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """409 images, more than calibration takes: a number in two grey levels."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(409):
        image = np.full((24, 94, 3), number // 32 * 8, np.uint8)
        image[12:] = number % 32 * 8
        cv2.imwrite(str(folder / f"{number:03}.png"), image)
    return folder


def test_samples_are_spread_over_the_folder() -> None:
    paths = image_files([SAMPLES])
    few = read_samples(SAMPLES, 3)
    expected = np.empty((1, 3, 24, 94), np.float32)
    prepare(read_image(paths[-1]), expected)
    assert few.shape == (3, 3, 24, 94)
    np.testing.assert_array_equal(few[2], expected[0])
    assert len(read_samples(SAMPLES, 1000)) == len(paths)


def test_pick_takes_both_ends_and_all_of_few() -> None:
    paths = [Path(str(number)) for number in range(409)]
    chosen = pick(paths, 256)
    assert len(chosen) == 256 and chosen == sorted(set(chosen), key=paths.index)
    assert (chosen[0], chosen[-1]) == (paths[0], paths[-1])
    assert pick(paths[:60], 256) == paths[:60]


def test_our_build_and_the_peers_calibrate_on_the_same_images(many: Path, tmp_path: Path) -> None:
    peers = load_images((many,), CALIBRATION_IMAGES)
    ours = read_samples(many)
    np.testing.assert_array_equal(peers.tensors, ours)
    assert peers.labels == tuple(path.stem for path in pick(image_files([many]), CALIBRATION_IMAGES))
    # What the benchmark hands over to both.
    np.testing.assert_array_equal(read_samples(peers.save(tmp_path)), ours)


@pytest.mark.parametrize(
    "content",
    [np.zeros((2, 3, 24, 90), np.float32), np.zeros((2, 3, 24, 94)), np.zeros((0, 3, 24, 94), "f4")],
)
def test_other_arrays_calibrate_nothing(content: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "inputs.npy"
    np.save(path, content)
    with pytest.raises(FatalError, match="holds float"):
        read_samples(path)


def test_a_damaged_file_of_inputs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "inputs.npy"
    path.write_bytes(b"no array")
    with pytest.raises(FatalError, match="cannot be read"):
        read_samples(path)


def test_samples_are_those_that_a_network_can_read() -> None:
    for name in ("cn", "cn-public"):
        assert samples_for(KNOWN[name]) == SAMPLES
    assert samples_for(KNOWN["kr"]) == KOREAN_SAMPLES
    for name in ("alnum", "alnum-io", "alnum-no-io", "russia", "digits"):
        assert samples_for(KNOWN[name]) == LATIN_SAMPLES
