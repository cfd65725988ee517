from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.moment import Moment
from device_runtime.sinks.sink import Result
from device_runtime.sinks.video import Video
from tests.device_runtime.results import place, result

BEGIN = Moment.now()


def at(seconds: float, size: tuple[int, int] = (240, 320), noise: float = 0) -> Result:
    image = np.random.default_rng(1).normal(60, noise, (*size, 3)).clip(0, 255).astype(np.uint8)
    one = result("京A1", image=image, places=(place(),))
    moment = Moment(BEGIN.monotonic + seconds, BEGIN.clock + timedelta(seconds=seconds), True)
    return replace(one, frame=replace(one.frame, moment=moment))


def shown(path: Path) -> tuple[float, list[np.ndarray]]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return capture.get(cv2.CAP_PROP_FPS), frames


@pytest.mark.parametrize("name", ["v.avi", "v.mp4", "v.mkv"])
def test_a_video_takes_as_long_as_what_it_shows(tmp_path: Path, name: str) -> None:
    video = Video(tmp_path / "new" / name, None, fps=10, max_bytes=1 << 30)
    for seconds in (0.0, 0.1, 0.2, 1.0, 1.1):
        video.add(at(seconds))
    video.close()
    fps, frames = shown(tmp_path / "new" / name)
    assert fps == pytest.approx(10) and len(frames) == 12
    assert frames[0].shape == (240, 320, 3) and frames[0].max() > 150, "the plate is outlined"


def test_pauses_are_cut_and_other_sizes_fitted(tmp_path: Path) -> None:
    video = Video(tmp_path / "v.avi", None, fps=10, max_bytes=1 << 30)
    video.add(at(0.0))
    video.add(at(3600.0, size=(480, 320)))
    video.close()
    _, frames = shown(tmp_path / "v.avi")
    assert len(frames) == 51 and frames[-1].shape == (240, 320, 3)


def test_a_video_ends_where_it_is_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    video = Video(tmp_path / "v.avi", None, fps=10, max_bytes=40_000)
    for i in range(100):
        video.add(at(i / 10, noise=90))
    video.close()
    assert len(caplog.records) == 1 and "ends here" in caplog.text
    assert len(shown(tmp_path / "v.avi")[1]) == 32


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="is no video that can be written"):
        Video(tmp_path / "v.gif", None, fps=10, max_bytes=1)
    (tmp_path / "file").touch()
    with pytest.raises(FatalError, match="cannot be written"):
        Video(tmp_path / "file" / "v.avi", None, fps=10, max_bytes=1).add(at(0.0))
    Video(tmp_path / "none.avi", None, fps=10, max_bytes=1).close()


def test_a_video_ends_whole_where_its_disk_is_full_or_it_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_runtime.sinks.video._LOOK_EVERY", 2)
    video = Video(tmp_path / "v.avi", None, fps=10, max_bytes=1 << 30)
    video.add(at(0.0))
    video.add(at(0.1))
    with monkeypatch.context() as patched:
        patched.setattr("device_runtime.sinks.video._LEAST_FREE", 1 << 60)
        with pytest.raises(FatalError, match="No space left on device"):
            video.add(at(0.2))
        with pytest.raises(FatalError, match="No space left on device"):
            Video(tmp_path / "w.avi", None, fps=10, max_bytes=1 << 30).add(at(0.0))
    video.add(at(0.3))
    video.close()
    assert len(shown(tmp_path / "v.avi")[1]) == 2

    video = Video(tmp_path / "v.avi", None, fps=10, max_bytes=1 << 30)
    video.add(at(0.0))
    (tmp_path / "v.avi").unlink()
    with pytest.raises(FatalError, match="No such file"):
        video.add(at(0.2))
    video.close()
