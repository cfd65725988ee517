from __future__ import annotations

import pytest

from host.endure import cameras
from host.endure.cameras import comes_back, stays_young
from host.endure.names import KINDS
from host.trial import Failed, Skipped
from tests.device_runtime.sources.cameras import needs_rtsp_server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Short forms of what `lpr-host endure` does."""
    if request.param != "mjpeg":
        needs_rtsp_server()
    return str(request.param)


def test_a_camera_comes_back(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A busy machine must not look like a slow one.
    monkeypatch.setattr(cameras, "BACK_S", 60.0)
    try:
        seen = comes_back(kind, (0.2,))
    except Skipped as why:
        pytest.skip(str(why))
    assert seen.startswith("away 1 times, frames ")


def test_a_slow_reader_gets_young_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "AGE_S", 60.0)
    monkeypatch.setattr(cameras, "_SETTLED_S", 0.2)
    assert "ms; " in stays_young("mjpeg", 1.0)


def test_old_frames_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "AGE_S", 0.0)
    monkeypatch.setattr(cameras, "_SETTLED_S", 0.0)
    with pytest.raises(Failed, match=r"age of \d+ frames p50"):
        stays_young("mjpeg", 0.6)
