"""RTSP by GStreamer's server, HTTP recordings, and the process that decodes them."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from device_runtime.errors import FatalError
from device_runtime.sources.decoder import Lateness, waits
from device_runtime.sources.frame import Frame
from device_runtime.sources.live import Live
from device_runtime.sources.open import open_source
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import Source, frames_of
from device_runtime.sources.stream import StreamCapture
from host.endure.cameras import Server
from host.endure.picture import FPS
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


def test_what_is_late_is_left_out() -> None:
    """A decoder that did not get to run has a second of pictures waiting: it goes on with the last."""
    needs_rtsp_server()
    with Server("rtsp-jpeg") as camera:
        source = open_source(camera.url, SourceSettings(timeout=10))
        try:
            # Where all the machine is busy there may be none waiting.
            until(lambda: _left_out(source) > FPS / 2)
            assert source.counts.losses == 0
        finally:
            source.close()


def _left_out(source: Source) -> int:
    """Pictures that are missing after the decoder was stopped for a second."""
    pid = decoder(source)
    assert pid is not None
    before = _number(source)
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        # What it had decoded before.
        if (frame := source.next(0.1)) is not None:
            assert isinstance(frame, Frame)
            before = number_of(frame.image)
    os.kill(pid, signal.SIGCONT)
    return _number(source) - before


def _number(source: Source) -> int:
    frame = source.next(10)
    assert isinstance(frame, Frame)
    return number_of(frame.image)


def test_lateness_is_what_a_frame_took_more_than_the_promptest() -> None:
    lateness = Lateness()
    assert [lateness.of(position, position + 1000.2) for position in (0.0, 0.5, 1.0)] == [0.0, 0.0, 0.0]
    assert lateness.of(1.0, 1003.2) == pytest.approx(2.0, abs=0.01)
    assert lateness.of(4.0, 1004.1) == 0.0
    # A camera's clock that is slower than ours by a thousandth makes no frame late, in an hour.
    assert max(lateness.of(4 + n, 1004.1 + 1.0009 * n) for n in range(3600)) == 0.0
    # It is set to another time: forward, back.
    assert lateness.of(9000.0, 5000.0) == 0.0
    assert lateness.of(3000.0, 5001.0) > 5000


def test_what_waits_in_a_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        both = {ours.fileno(), theirs.fileno()}
        assert not waits(both) and not waits(set())
        ours.send(b"frame")
        assert waits(both) and not waits({ours.fileno()})
        theirs.recv(16)
        assert not waits(both)
    assert not waits(both)


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
