from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from device_runtime.bundle.golden import Golden, decode, encode, read_golden
from device_runtime.bundle.manifest import Manifest
from device_runtime.errors import FatalError


@pytest.fixture
def golden() -> Golden:
    rng = np.random.default_rng(2)
    images = rng.integers(0, 256, (3, 24, 94, 3), np.uint8)
    return Golden(images, rng.standard_normal((3, 68, 18)).astype(np.float32), atol=0.25)


def test_round_trip(golden: Golden, manifest: Manifest) -> None:
    data = encode(golden)
    assert len(data) == golden.info.logits_offset + golden.logits.nbytes
    again = decode(data, msgspec.structs.replace(manifest, golden=golden.info), "x")
    assert np.array_equal(golden.images, again.images)
    assert np.array_equal(golden.logits, again.logits)
    assert again.logits.dtype == np.float32
    assert again.atol == 0.25


def test_logits_are_little_endian(golden: Golden) -> None:
    first = np.frombuffer(encode(golden), "<f4", 1, golden.info.logits_offset)[0]
    assert first == golden.logits[0, 0, 0]


def test_golden_values_are_at_their_offsets(bundle: Path, manifest: Manifest) -> None:
    golden = read_golden(bundle, manifest)
    moved = msgspec.structs.replace(
        manifest.golden, images_offset=5, logits_offset=8 + manifest.golden.logits_offset
    )
    data = (bundle / "golden.bin").read_bytes()
    n = manifest.golden.logits_offset
    (bundle / "golden.bin").write_bytes(b"12345" + data[:n] + b"678" + data[n:])
    again = read_golden(bundle, msgspec.structs.replace(manifest, golden=moved))
    assert np.array_equal(golden.images, again.images)
    assert np.array_equal(golden.logits, again.logits)


def test_a_short_or_missing_file_is_refused(golden: Golden, manifest: Manifest, tmp_path: Path) -> None:
    described = msgspec.structs.replace(manifest, golden=golden.info)
    for data in (b"", encode(golden)[:-1]):
        with pytest.raises(FatalError, match="golden values: is too short"):
            decode(data, described, "golden values")
    with pytest.raises(FatalError, match=r"golden\.bin: cannot be read \(No such file"):
        read_golden(tmp_path, described)
