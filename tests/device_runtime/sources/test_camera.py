from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.sources.camera import camera_frames
from device_runtime.sources.frame import Frame

FRAMES, SIZE = 12, (160, 120)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames that get brighter."""
    path = tmp_path_factory.mktemp("video") / "camera.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, SIZE)
    assert writer.isOpened()
    for index in range(FRAMES):
        writer.write(np.full((SIZE[1], SIZE[0], 3), 20 * index, np.uint8))
    writer.release()
    return path


@pytest.fixture
def served(video: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(video.parent)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def brightness(frames: list[Frame]) -> list[int]:
    return [round(float(frame.image.mean())) for frame in frames]


def test_a_stream_is_read_to_its_end(served: str) -> None:
    frames = list(camera_frames(f"{served}/camera.avi"))
    assert brightness(frames) == pytest.approx([20 * index for index in range(FRAMES)], abs=3)
    assert [f.source for f in frames][:2] == [f"{served}/camera.avi#1", f"{served}/camera.avi#2"]
    assert all(f.read_ms is not None and f.read_ms > 0 and f.image.shape == (120, 160, 3) for f in frames)


def test_a_video_file_is_a_camera(video: Path) -> None:
    assert len(list(camera_frames(str(video)))) == FRAMES


def test_a_stream_that_breaks_off_is_an_error(video: Path, tmp_path: Path) -> None:
    data = video.read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(data[: len(data) * 6 // 10])
    frames: list[Frame] = []
    with pytest.raises(FatalError, match=r"stopped after \d+ frames of 12") as caught:
        frames.extend(camera_frames(str(cut)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "camera", ["97", "9" * 30, "http://127.0.0.1:1/none", "none.mp4", "rtsp://", "ftp://%%/"]
)
def test_a_camera_that_does_not_open(camera: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FatalError, match="does not open"):
        next(camera_frames(camera))
    assert capfd.readouterr().err == ""


def test_a_camera_is_let_go(video: Path) -> None:
    frames = camera_frames(str(video))
    assert isinstance(frames, Generator)
    next(frames)
    frames.close()
    assert len(list(camera_frames(str(video)))) == FRAMES
