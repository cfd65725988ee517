from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from device_runtime.errors import FatalError
from device_runtime.sources.frame import Frame
from device_runtime.sources.open import open_source
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import frames_of
from device_runtime.sources.video import warn_if_cut
from tests.device_runtime.sources.cameras import SIZE, number_of, numbered

FRAMES = 40


def write_video(path: Path, frames: int = FRAMES) -> None:
    """*frames* of 25 a second, numbered from 1."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, SIZE)
    assert writer.isOpened()
    for number in range(1, frames + 1):
        writer.write(numbered(number))
    writer.release()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    write_video(tmp_path / "camera.avi")
    return tmp_path / "camera.avi"


def test_every_frame_with_the_moment_of_the_recording(video: Path) -> None:
    source = open_source(str(video))
    frames = [frame for frame in frames_of(source) if isinstance(frame, Frame)]
    assert [number_of(frame.image) for frame in frames] == list(range(1, FRAMES + 1))
    assert [frame.source for frame in frames][:2] == [f"{video}#1", f"{video}#2"]
    assert all(frame.read_ms is not None and frame.read_ms > 0 for frame in frames)
    first = frames[0].moment
    times = [frame.moment.monotonic - first.monotonic for frame in frames]
    assert times == pytest.approx([n / 25 for n in range(FRAMES)])
    clock = [(frame.moment.clock - first.clock).total_seconds() for frame in frames]
    assert clock == pytest.approx(times, abs=1e-5)
    assert (source.counts.frames, source.live) == (FRAMES, False)


def test_fewer_frames_a_second(video: Path) -> None:
    frames = list(frames_of(open_source(str(video), SourceSettings(fps=5))))
    assert [number_of(frame.image) for frame in frames if isinstance(frame, Frame)] == [
        1,
        6,
        11,
        16,
        21,
        26,
        31,
        36,
    ]


def test_a_recording_that_was_cut_short_is_a_warning(video: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = video.read_bytes()
    video.write_bytes(data[: len(data) * 6 // 10])
    frames = list(frames_of(open_source(str(video))))
    assert 0 < len(frames) < FRAMES
    (record,) = caplog.records
    assert record.getMessage() == f"{video}: ends after {len(frames)} of 40 frames, as if it were cut short"


def test_a_count_that_is_a_little_off_is_no_matter(caplog: pytest.LogCaptureFixture) -> None:
    warn_if_cut("x", 99, 100)
    warn_if_cut("x", 9900, 10_000)
    warn_if_cut("x", 5, 0)
    assert caplog.records == []


def test_what_is_no_video(tmp_path: Path, video: Path) -> None:
    for content, said in (
        (b"", "is empty"),
        (b"text" * 99, "is no video"),
        (video.read_bytes()[:300], "is no video"),
    ):
        path = tmp_path / "x.avi"
        path.write_bytes(content)
        with pytest.raises(FatalError, match=said):
            list(frames_of(open_source(str(path))))


def test_a_file_is_let_go(video: Path) -> None:
    source = open_source(str(video))
    source.next(0)
    source.close()
    source.close()
    video.unlink()
