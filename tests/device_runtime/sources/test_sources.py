from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.locate.region import crop
from device_runtime.sources.camera import camera_frames
from device_runtime.sources.files import image_files, label_of, read_files
from device_runtime.sources.frame import Frame, Unreadable

FRAMES, SIZE = 12, (160, 120)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames that get brighter."""
    path = tmp_path_factory.mktemp("video") / "camera.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, SIZE)
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
    frames = []
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
    next(frames)
    frames.close()
    assert len(list(camera_frames(str(video)))) == FRAMES


def test_files_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "plates"
    folder.mkdir()
    for name in ("b.PNG", "a.jpg", "notes.txt", "c.webp"):
        (folder / name).touch()
    odd = tmp_path / "image-without-suffix"
    assert image_files([odd, folder]) == [odd, *(folder / name for name in ("a.jpg", "b.PNG", "c.webp"))]


def test_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FatalError, match="holds no images"):
        image_files([tmp_path])


def test_an_unreadable_file_does_not_stop_the_others(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    good.write_bytes(cv2.imencode(".png", np.zeros((24, 94, 3), np.uint8))[1].tobytes())
    (tmp_path / "bad.png").write_text("bad")
    found = list(read_files([tmp_path / "bad.png", good, tmp_path / "none.png"]))
    assert [type(item) for item in found] == [Unreadable, Frame, Unreadable]
    assert found[1].source == str(good)


def test_labels() -> None:
    for name in ("京A12345.jpg", "京A12345_2.png", "京A12345-90_91-x.jpg"):
        assert label_of(Path("x") / name) == "京A12345"


def test_crop() -> None:
    image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    assert np.array_equal(crop(image, (2, 1, 5, 3)), image[1:4, 2:7])
    for region in ((4, 0, 5, 1), (0, 4, 1, 3)):
        with pytest.raises(FatalError, match="not within the frame of 8×6"):
            crop(image, region)
