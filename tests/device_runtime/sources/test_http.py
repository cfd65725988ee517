from __future__ import annotations

import threading

import pytest

from device_runtime.errors import FatalError
from device_runtime.sources import http
from device_runtime.sources.address import parse_address
from device_runtime.sources.http import MjpegCapture, PictureCapture, open_http, reason
from device_runtime.sources.live import Captured, Lost
from device_runtime.sources.settings import SourceSettings
from tests.device_runtime.sources.cameras import HttpCamera, number_of, until

SOON = SourceSettings(timeout=0.5)


def number(captured: Captured | None) -> int:
    image = captured.decode() if captured else None
    assert image is not None
    return number_of(image)


@pytest.mark.parametrize("style", ["lengths", "bare", "chunked"])
def test_streams_of_every_style(style: str) -> None:
    with HttpCamera(style) as camera:
        capture = open_http(parse_address(camera.url), SourceSettings())
        assert isinstance(capture, MjpegCapture)
        until(lambda: camera.viewers)
        for _ in range(5):
            sent = camera.send()
            assert number(capture.read(10)) == sent
        camera.stop()
        with pytest.raises(Lost):
            capture.read(10)
        capture.close()


def test_single_pictures_are_asked_for_again_and_again() -> None:
    with HttpCamera("picture") as camera:
        capture = open_http(parse_address(camera.url), SourceSettings(fps=50))
        assert isinstance(capture, PictureCapture)
        assert [number(capture.read(10)) for _ in range(4)] == [1, 2, 3, 4]
        camera.stop()
        with pytest.raises(Lost, match="refused"):
            for _ in range(3):
                capture.read(10)
        capture.close()


@pytest.mark.parametrize("digest", [False, True])
def test_user_and_password(digest: bool) -> None:
    with HttpCamera() as camera:
        camera.login, camera.digest = ("joe", "p@ss"), digest
        with pytest.raises(FatalError, match="wants user and password"):
            open_http(parse_address(camera.url), SOON)
        with pytest.raises(FatalError, match="refuses user and password") as caught:
            open_http(parse_address(camera.url.replace("//", "//joe:guess@")), SOON)
        assert "guess" not in str(caught.value)
        capture = open_http(parse_address(camera.url.replace("//", "//joe:p%40ss@")), SOON)
        assert isinstance(capture, MjpegCapture)
        capture.close()


def test_another_thread_ends_the_waiting() -> None:
    with HttpCamera() as camera:
        capture = open_http(parse_address(camera.url), SourceSettings(timeout=600))
        assert capture is not None
        timer = threading.Timer(0.05, capture.interrupt)
        timer.start()
        with pytest.raises(Lost):
            capture.read(600)
        capture.close()


def test_what_is_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_NO_PICTURE", 10_000)
    with HttpCamera("text/html") as camera:
        address = parse_address(camera.url)
        with pytest.raises(FatalError, match="is a web page, not a stream"):
            open_http(address, SOON)
        camera.style = "video/mp4"
        assert open_http(address, SOON) is None
        camera.style = "lengths"
        capture = open_http(address, SOON)
        assert capture is not None
        until(lambda: camera.viewers)
        camera.send(bytes(100_000))
        with pytest.raises(FatalError, match="sends no JPEG pictures"):
            capture.read(10)
        capture.close()
        camera.silent = True
        with pytest.raises(FatalError, match="no answer"):
            open_http(address, SOON)
    with pytest.raises(FatalError, match="Connection refused"):
        open_http(address, SOON)
    with pytest.raises(FatalError, match="its name is not known"):
        open_http(parse_address("http://camera.invalid/"), SOON)


def test_reasons_are_short() -> None:
    assert reason(ValueError("a\nb " + 200 * "x")).startswith("a b x")
    assert len(reason(ValueError(200 * "x"))) == 80
    assert reason(KeyError()) == "KeyError"
