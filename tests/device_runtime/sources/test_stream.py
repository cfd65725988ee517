"""RTSP by GStreamer's server, HTTP recordings, and the process that decodes them."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from device_runtime.errors import FatalError
from device_runtime.sources.frame import Frame
from device_runtime.sources.live import Live
from device_runtime.sources.open import open_source
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import frames_of
from device_runtime.sources.stream import StreamCapture
from tests.device_runtime.sources.cameras import RtspCamera, needs_rtsp_server, number_of, until
from tests.device_runtime.sources.test_video import FRAMES, write_video


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    write_video(tmp_path / "video.avi")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def children() -> list[str]:
    """Command lines of this process's children; those that are ending have none."""
    lines = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            lines.append(" ".join(child.cmdline()))
    return [line for line in lines if "sources.decoder" in line]


def decoder(source: object) -> int | None:
    """The process that decodes now."""
    assert isinstance(source, Live)
    capture = source._capture
    return capture._decoder.pid if isinstance(capture, StreamCapture) else None


def test_a_recording_over_http_is_read_to_its_end(served: str, tmp_path: Path) -> None:
    source = open_source(f"{served}/video.avi")
    assert not source.live
    frames = [frame for frame in frames_of(source) if isinstance(frame, Frame)]
    assert [number_of(frame.image) for frame in frames] == list(range(1, FRAMES + 1))
    times = [frame.moment.monotonic - frames[0].moment.monotonic for frame in frames]
    assert times == pytest.approx([n / 25 for n in range(FRAMES)], abs=0.002)
    assert source.counts.dropped == 0
    assert children() == []


def test_a_recording_over_http_that_was_cut_short_is_a_warning(
    served: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = (tmp_path / "video.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) * 6 // 10])
    frames = list(frames_of(open_source(f"{served}/cut.avi")))
    assert 0 < len(frames) < FRAMES
    assert f"ends after {len(frames)} of {FRAMES} frames" in caplog.text


def test_an_rtsp_camera_comes_and_goes(caplog: pytest.LogCaptureFixture) -> None:
    """Killed with its decoder waiting, with its decoder killed, and asked for what it has not."""
    needs_rtsp_server()
    caplog.set_level(logging.INFO)
    # A stall is tested elsewhere; here a slow machine must not look like one.
    settings = SourceSettings(timeout=10)
    with RtspCamera("joe", "p@ss") as camera:
        url = camera.url.replace("p@ss", "p%40ss")
        name = f"rtsp://127.0.0.1:{camera.port}/video"
        with pytest.raises(FatalError, match="wants user and password"):
            open_source(name, settings)
        source = open_source(url, settings)
        assert (source.name, source.live) == (name, True)
        frame = source.next(10)
        assert isinstance(frame, Frame) and frame.image.shape == (120, 160, 3)
        assert frame.source.startswith(f"{name}#")
        (command,) = children()
        assert "joe" not in command and "ss@" not in command

        camera.stop()
        until(lambda: source.counts.losses == 1)
        camera.start()
        until(lambda: source.counts.reconnects == 1, 60)
        source.next(10)

        pid = decoder(source)
        assert pid is not None
        os.kill(pid, 9)
        until(lambda: source.counts.reconnects == 2, 60)
        assert source.next(10) is not None
        assert len(children()) == 1

        camera.stop()
        until(lambda: source.counts.losses == 3)
        # One is loaded by the time that the camera is back.
        until(lambda: len(children()) == 1 and decoder(source) is None, 60)
        source.close()
        until(lambda: children() == [])
        said = [record.getMessage() for record in caplog.records]
        assert [line.split(":")[3].split(",")[0][:11].strip() for line in said if "still" not in line] == [
            "lost", "back after", "lost", "back after", "lost",
        ]  # fmt: skip
        assert "its decoder has crashed" in caplog.text
        assert "p@ss" not in caplog.text and "p%40ss" not in caplog.text


def test_why_an_rtsp_address_does_not_open() -> None:
    needs_rtsp_server()
    with RtspCamera() as camera, pytest.raises(FatalError, match="no such stream there"):
        open_source(camera.url + "/none")
    with pytest.raises(FatalError, match="Connection refused"):
        open_source(camera.url)
    # The kernel of a camera that hangs takes connections.
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        url = f"rtsp://127.0.0.1:{hangs.getsockname()[1]}/video"
        with pytest.raises(FatalError, match=r"does not open \(no answer\)"):
            open_source(url, SourceSettings(timeout=0.5))
    assert children() == []


def test_a_server_of_something_else(served: str) -> None:
    with pytest.raises(FatalError, match="what answers is no RTSP server"):
        open_source(served.replace("http", "rtsp") + "/x")
    with pytest.raises(FatalError, match="no stream that can be decoded"):
        open_source("udp://127.0.0.1:1", SourceSettings(timeout=0.5))
