from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.sources import image as image_module
from device_runtime.sources.image import as_bgr, read_image

RNG = np.random.default_rng(3)


PLATE = RNG.integers(0, 256, (24, 94, 3), np.uint8)


def write(path: Path, image: np.ndarray) -> Path:
    encoded, data = cv2.imencode(path.suffix, image)
    assert encoded
    path.write_bytes(data.tobytes())
    return path


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(24, 94), (24, 94, 1), (24, 94, 3), (24, 94, 4)])
def test_kinds_of_images_are_converted(shape: tuple[int, ...], dtype: type) -> None:
    image = RNG.integers(0, np.iinfo(dtype).max, shape, dtype)
    eight = image if dtype == np.uint8 else (image // 256).astype(np.uint8)
    found = as_bgr(image)
    expected = (
        eight[:, :, :3]
        if len(shape) == 3 and shape[2] > 1
        else np.repeat(eight.reshape(24, 94, 1), 3, axis=2)
    )
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("name", ["京A12345.png", "a b.bmp", "ünïcödé.tiff", "x.webp", "-.png"])
def test_reads_files_of_any_name(tmp_path: Path, name: str) -> None:
    image = read_image(write(tmp_path / name, PLATE))
    assert image.shape == PLATE.shape
    assert name.endswith("webp") or np.array_equal(image, PLATE)


def test_reads_names_that_are_not_text(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    path.write_bytes(write(tmp_path / "a.png", PLATE).read_bytes())
    assert np.array_equal(read_image(path), PLATE)


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_reads_grey_transparent_and_deep_files(tmp_path: Path, channels: int, dtype: type) -> None:
    image = RNG.integers(0, np.iinfo(dtype).max, (24, 94, channels), dtype)
    found = read_image(write(tmp_path / "x.png", image))
    expected = as_bgr(image)
    assert found.shape == (24, 94, 3)
    # OpenCV rounds 16-bit samples where as_bgr cuts.
    assert np.abs(found.astype(int) - expected).max() <= (0 if dtype == np.uint8 else 1)


@pytest.mark.parametrize("data", [b"", b"text", b"\xff\xd8\xff", png_header(94, 24)[:20]])
def test_what_is_no_image_is_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "京.jpg"
    path.write_bytes(data)
    with pytest.raises(FatalError, match=r"京\.jpg") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jpg", tmp_path):
        with pytest.raises(FatalError, match="cannot be read"):
            read_image(path)


def test_huge_images_are_refused_before_their_pixels_are_allocated(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(png_header(30_000, 30_000))
    code = """if True:
        import resource, sys
        from pathlib import Path
        from device_runtime.errors import FatalError
        from device_runtime.sources.image import read_image
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            read_image(Path(sys.argv[1]))
        except FatalError as error:
            print(error)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    """
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert "more than 64 Mi pixels" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert not done.stderr


def test_huge_images_are_refused_where_opencv_lets_them_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_module, "MAX_PIXELS", 24 * 94 - 1)
    monkeypatch.setattr(image_module, "MAX_FILE_BYTES", 1 << 20)
    with pytest.raises(FatalError, match="pixels"):
        read_image(write(tmp_path / "x.png", PLATE))
    with (tmp_path / "large.bmp").open("wb") as file:
        file.truncate(2 << 20)
    with pytest.raises(FatalError, match="longer than 1 MiB"):
        read_image(tmp_path / "large.bmp")


def test_what_never_ends_or_never_begins_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_module, "MAX_FILE_BYTES", 1 << 20)
    with pytest.raises(FatalError, match="is longer than 1 MiB"):
        read_image(Path("/dev/zero"))
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(FatalError, match="is empty"):
        read_image(tmp_path / "pipe.jpg")
