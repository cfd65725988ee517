from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.service.address import Address
from device_runtime.service.settings import ViewSettings
from device_runtime.service.view import View
from device_runtime.sources.image import decode_image
from tests.device_runtime.results import CORNERS, place, result, unread
from tests.device_runtime.service.asking import TOKEN, ask, connect

HERE = Address("127.0.0.1", 0)
STREET = np.full((300, 400, 3), 90, np.uint8)
STREET[30:50, 20:80] = 240
RESULT = result(
    "京A12345", image=STREET, places=(place(),), others=(unread("cut", STREET, place(CORNERS + 100)),)
)


@pytest.fixture
def view() -> Iterator[View]:
    shown = View(HERE, settings=ViewSettings(fps=30, longest=200, clients=2), environment={})
    yield shown
    shown.close()


class Looking:
    """A browser that shows the stream."""

    def __init__(self, address: Address) -> None:
        self._connection = connect(address)
        self._connection.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self._file = self._connection.makefile("rb")

    def head(self) -> str:
        """Up to the first boundary."""
        lines = b""
        while not lines.endswith(b"--picture\r\n"):
            line = self._file.readline()
            assert line, lines
            lines += line
        return lines.decode()

    def picture(self) -> np.ndarray:
        """The next one."""
        head = [self._file.readline() for _ in range(3)]
        assert head[0] == b"Content-Type: image/jpeg\r\n"
        data = self._file.read(int(head[1].split()[1]))
        assert self._file.readline() + self._file.readline() == b"\r\n--picture\r\n"
        return decode_image(data, "picture")

    def close(self) -> None:
        self._file.close()
        self._connection.close()


@pytest.fixture
def frames(view: View) -> Iterator[None]:
    """A camera that goes on and on."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.01):
            view.add(RESULT)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()


def until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError


def test_what_is_seen_and_read_is_shown(view: View, frames: None) -> None:
    looking = Looking(view.address)
    head = looking.head()
    assert "Content-Type: multipart/x-mixed-replace; boundary=picture" in head
    first, second = looking.picture(), looking.picture()
    # Shrunk, and with a line around the plate that was not in the frame.
    assert first.shape == second.shape == (150, 200, 3)
    assert int(first.max(2).astype(int).max() - STREET[0, 0, 0]) > 100
    assert np.abs(first.astype(int) - cv2.resize(STREET, (200, 150)).astype(int)).max() > 100
    looking.close()
    state = ask(view.address, "/state").json
    assert (state["width"], state["height"]) == (400, 300)
    read, cut = state["plates"]
    assert (read["text"], read["confidence"], read["width"]) == ("京A12345", 0.9, 59)
    assert (cut["text"], cut["why"], cut["confidence"]) == (None, "cut", None)


def test_nothing_is_drawn_while_nobody_looks(view: View, frames: None) -> None:
    assert view.drawn == 0
    looking = Looking(view.address)
    looking.head()
    looking.picture()
    looking.close()
    # Those that had begun may end.
    until(lambda: not view.looking)
    drawn = view.drawn
    time.sleep(0.2)
    assert view.drawn <= drawn + 1


def test_so_many_may_look(view: View, frames: None) -> None:
    several = [Looking(view.address) for _ in range(2)]
    for looking in several:
        looking.head()
    answer = ask(view.address, "/stream.mjpg")
    assert (answer.status, answer.json["error"]) == (503, "too many look already")
    for looking in several:
        looking.close()
    until(lambda: not view.looking)
    again = Looking(view.address)
    again.head()
    again.close()


def test_a_browser_that_goes_while_the_camera_is_away_leaves_its_place(view: View) -> None:
    looking = Looking(view.address)
    until(lambda: view.looking == 1)
    looking.close()
    until(lambda: not view.looking)


def test_a_browser_that_takes_nothing_keeps_nobody_waiting(view: View, frames: None) -> None:
    stuck, looking = Looking(view.address), Looking(view.address)
    looking.head()
    for _ in range(5):
        assert looking.picture().shape == (150, 200, 3)
    stuck.close()
    looking.close()


def test_the_page_has_all_it_needs(view: View) -> None:
    page = ask(view.address)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert b"view.css" in page.body and b"view.js" in page.body
    assert ask(view.address, "/view.css").headers["content-type"].startswith("text/css")
    assert ask(view.address, "/view.js").headers["content-type"].startswith("text/javascript")
    assert ask(view.address, "/state").json == {"frames_a_second": 0.0, "age_s": None}


def test_ticks_tell_the_rate(view: View) -> None:
    view.tick()
    for _ in range(5):
        view.add(RESULT)
    view.tick()
    state = ask(view.address, "/state").json
    assert state["frames_a_second"] > 0
    assert state["age_s"] < 60


def test_others_need_the_token() -> None:
    with pytest.raises(FatalError, match="LPR_VIEW_TOKEN_FILE"):
        View(Address("0.0.0.0", 0), environment={})
    view = View(Address("0.0.0.0", 0), environment={"LPR_VIEW_TOKEN": TOKEN})
    try:
        here = Address("127.0.0.1", view.address.port)
        assert ask(here, "/stream.mjpg").status == 401
        assert ask(here, "/", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200
    finally:
        view.close()


def test_closing_ends_the_streams(view: View, frames: None) -> None:
    looking = Looking(view.address)
    looking.head()
    view.close()
    with suppress(AssertionError, IndexError, socket.timeout):
        while True:
            looking.picture()
    with pytest.raises(OSError):
        connect(view.address)
    looking.close()
