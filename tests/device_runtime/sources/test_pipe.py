"""Standard input and named pipes, written to by this test; standard input is another process's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.sources import pipe
from device_runtime.sources.frame import Frame
from device_runtime.sources.live import Captured, Lost
from device_runtime.sources.open import open_source
from device_runtime.sources.pipe import PipeCapture
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import EndOfSource
from tests.device_runtime.sources.cameras import SIZE, jpeg, number_of, numbered, until

READ = """
import sys
from device_runtime.errors import FatalError
from device_runtime.sources.open import open_source
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import frames_of
from tests.device_runtime.sources.cameras import number_of
size = tuple(map(int, sys.argv[1].split("x"))) if sys.argv[1] else None
settings = SourceSettings(size=size, every_frame=len(sys.argv) > 2)
try:
    source = open_source("-", settings)
    frames = [number_of(frame.image) for frame in frames_of(source)]
    print(source.live, frames, source.counts.dropped + len(frames))
except FatalError as error:
    print(error)
"""


class Pipe:
    def __init__(self, settings: SourceSettings | None = None, *, ends: bool = True) -> None:
        reading, self.writing = os.pipe()
        self.capture = PipeCapture("-", reading, settings or SourceSettings(), ends=ends)

    def write(self, data: bytes) -> None:
        os.write(self.writing, data)

    def end(self) -> None:
        os.close(self.writing)


@pytest.fixture
def mjpeg() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.capture.close()


def number(captured: Captured | None) -> int:
    image = captured.decode() if captured else None
    assert image is not None
    return number_of(image)


def from_standard_input(data: bytes | Path, size: str = "", *more: str) -> str:
    command = [sys.executable, "-c", READ, size, *more]
    if isinstance(data, Path):
        with data.open("rb") as file:
            return subprocess.run(command, stdin=file, capture_output=True, text=True, check=True).stdout
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()


def test_mjpeg(mjpeg: Pipe) -> None:
    assert mjpeg.capture.read(0) is None
    mjpeg.write(jpeg(1) + jpeg(2)[:100])
    assert number(mjpeg.capture.read(10)) == 1
    assert mjpeg.capture.read(0) is None
    mjpeg.write(jpeg(2)[100:])
    assert number(mjpeg.capture.read(10)) == 2
    mjpeg.end()
    with pytest.raises(EndOfSource):
        mjpeg.capture.read(10)


@pytest.mark.parametrize("pixel_format", [None, "I420", "NV12", "YUYV", "UYVY", "BGR3", "GREY"])
def test_raw_frames(pixel_format: str | None) -> None:
    width, height = SIZE
    made = Pipe(SourceSettings(size=SIZE, pixel_format=pixel_format))
    for n in (5, 70):
        bgr = numbered(n)
        grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
        i420 = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
        frames = {
            None: i420,
            "I420": i420,
            "NV12": np.vstack([i420[:height], np.full((height // 2, width), 128, np.uint8)]),
            "YUYV": np.stack([grey, np.full_like(grey, 128)], axis=2),
            "UYVY": np.stack([np.full_like(grey, 128), grey], axis=2),
            "BGR3": bgr,
            "GREY": grey,
        }
        data = frames[pixel_format].tobytes()
        made.write(data[:1000])
        assert made.capture.read(0) is None
        made.write(data[1000:])
        captured = made.capture.read(10)
        assert number(captured) == n
        assert captured is not None
        image = captured.decode()
        assert image is not None and image.shape == (height, width, 3)
        image[0, 0] = 1
    made.capture.close()


def test_what_is_no_picture_stream(mjpeg: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    mjpeg.write(b"\0\0\0\1\x67more")
    with pytest.raises(FatalError, match=r"is H\.264 – send MJPEG"):
        mjpeg.capture.read(10)
    monkeypatch.setattr(pipe, "_NO_PICTURE", 10_000)
    noise = Pipe()
    noise.write(bytes(20_000))
    with pytest.raises(FatalError, match="holds no JPEG pictures"):
        noise.capture.read(10)
    short = Pipe()
    short.end()
    with pytest.raises(FatalError, match="ends without a frame"):
        short.capture.read(10)
    with pytest.raises(FatalError, match="needs the frames' size"):
        Pipe(SourceSettings(pixel_format="YUYV"))
    with pytest.raises(FatalError, match="must be even for I420"):
        Pipe(SourceSettings(size=(641, 480)))


def test_standard_input(tmp_path: Path) -> None:
    """Live from a pipe, unless told that its sender waits; not from a file."""
    stream = b"".join(jpeg(n) for n in range(1, 31))
    live, _, rest = from_standard_input(stream).partition(" ")
    assert live == "True" and rest.rstrip().endswith(" 30") and "30]" in rest
    every = f"False {list(range(1, 31))} 30\n"
    assert from_standard_input(stream, "", "every") == every
    (tmp_path / "s.mjpeg").write_bytes(stream)
    assert from_standard_input(tmp_path / "s.mjpeg") == every
    raw = b"".join(cv2.cvtColor(numbered(n), cv2.COLOR_BGR2YUV_I420).tobytes() for n in range(1, 31))
    assert from_standard_input(raw, "64x48", "every") == every


def test_a_standard_input_that_is_none() -> None:
    assert from_standard_input(b"").startswith("camera -: ends without a frame")
    with Path("/dev/null").open() as nothing:
        closed = subprocess.run(
            ["/bin/sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-c", READ, ""],
            stdin=nothing, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    assert closed.startswith("camera -: standard input is closed – pipe a stream into it")
    master, terminal = os.openpty()
    said = subprocess.run(
        [sys.executable, "-c", READ, ""], stdin=terminal, capture_output=True, text=True, check=True
    ).stdout
    os.close(master)
    os.close(terminal)
    assert said.startswith("camera -: standard input is a terminal – pipe a stream into it")


def test_a_named_pipe_and_who_writes_to_it_may_change(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    # A writer, too, so that opening it waits for nobody.
    first = os.open(path, os.O_RDWR)
    os.write(first, jpeg(1))
    source = open_source(str(path))
    frame = source.next(10)
    assert isinstance(frame, Frame) and number_of(frame.image) == 1
    os.close(first)
    until(lambda: source.counts.losses == 1)
    second = os.open(path, os.O_WRONLY)
    os.write(second, jpeg(2))
    until(lambda: source.counts.reconnects == 1)
    frame = source.next(10)
    assert isinstance(frame, Frame) and number_of(frame.image) == 2
    os.close(second)
    source.close()


def test_a_pipe_that_is_lost_is_none_that_ends() -> None:
    made = Pipe(ends=False)
    made.write(jpeg(1))
    made.end()
    assert number(made.capture.read(10)) == 1
    with pytest.raises(Lost, match="nobody writes"):
        made.capture.read(10)
    made.capture.close()
