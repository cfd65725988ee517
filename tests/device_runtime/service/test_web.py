from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from threading import Event
from typing import ClassVar

import pytest

from device_runtime.errors import FatalError
from device_runtime.service import web
from device_runtime.service.address import Address
from device_runtime.service.web import Handler, Limits, Refused, WebServer
from tests.device_runtime.service.asking import TOKEN, ask, connect, parse, received

Start = Callable[..., WebServer]
HERE = Address("127.0.0.1", 0)


class Echo(Handler):
    """Says what it is sent; waits where it is asked to."""

    gets: ClassVar[Mapping[str, str]] = {"/": "hello", "/wait": "wait"}
    posts: ClassVar[Mapping[str, str]] = {"/": "echo"}
    go_on: ClassVar[Event] = Event()

    def hello(self) -> None:
        self.reply_json({"hello": True})

    def wait(self) -> None:
        self.go_on.wait(10)
        self.hello()

    def echo(self) -> None:
        self.reply(self.body(), "application/octet-stream")


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers, and closes them in the end."""
    servers: list[WebServer] = []

    def started(token: str | None = None, **limits: float) -> WebServer:
        server = WebServer(HERE, Echo, token, Limits(**{"body_bytes": 1000, **limits}), "--echo")  # type: ignore[arg-type]
        servers.append(server)
        server.start()
        return server

    Echo.go_on.clear()
    yield started
    Echo.go_on.set()
    for server in servers:
        server.close()


def test_answers_are_for_this_page_only(start: Start) -> None:
    answer = ask(start().address)
    assert (answer.status, answer.json) == (200, {"hello": True})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "python" not in answer.headers["server"].lower()


def test_bodies_come_whole(start: Start) -> None:
    assert ask(start().address, method="POST", body=b"x" * 1000).body == b"x" * 1000


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/nothing", "GET", {}, 404),
        ("/../../etc/passwd", "GET", {}, 404),
        ("//[", "GET", {}, 404),
        ("/wait", "POST", {}, 405),
        ("/", "DELETE", {}, 501),
        ("/", "POST", {}, 411),
        ("/", "POST", {"Content-Length": "-1"}, 411),
        ("/", "POST", {"Content-Length": "1001"}, 413),
        ("/", "POST", {"Content-Length": "9" * 4000}, 413),
        ("/", "POST", {"Transfer-Encoding": "chunked"}, 411),
        ("/ HTTP/9.9 x", "GET", {}, 400),
        ("/", "GET", {"X": "y" * 20_000}, 431),
        ("/" + "y" * 20_000, "GET", {}, 431),
    ],
)
def test_what_is_out_of_bounds_is_refused(
    start: Start, path: str, method: str, headers: dict[str, str], status: int
) -> None:
    address = start().address
    answer = ask(address, path, method, headers)
    assert (answer.status, answer.json["success"]) == (status, False)
    assert ask(address).status == 200


def test_slow_clients_are_let_go(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "HEAD_S", 0.2)
    address = start(body_s=0.2).address
    with connect(address) as silent, connect(address) as slow:
        silent.sendall(b"GET / HTTP/1.1\r\nHost: local")
        slow.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab")
        assert parse(received(slow)).status == 408
        assert parse(received(silent)).status == 408
    assert ask(address).status == 200


def test_one_connection_too_many_is_told_to_come_back(start: Start) -> None:
    address = start(connections=2).address
    with connect(address) as one, connect(address) as two:
        for connection in (one, two):
            connection.sendall(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = _until(lambda: ask(address), 503)
        assert answer.headers["retry-after"] == "1"
        Echo.go_on.set()
        assert parse(received(one)).status == parse(received(two)).status == 200
    assert _until(lambda: ask(address), 200)


def _until(asked: Callable[[], web.Any], status: int) -> web.Any:
    """The first answer of that status: connections are counted by another thread."""
    for _ in range(100):
        answer = asked()
        if answer.status == status:
            return answer
        time.sleep(0.02)
    raise AssertionError(answer)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Basic"])
def test_the_token_opens(start: Start, scheme: str) -> None:
    value = base64.b64encode(f"any:{TOKEN}".encode()).decode() if scheme == "Basic" else TOKEN
    headers = {"Authorization": f"{scheme} {value}", "Host": "board.lan:8081"}
    assert ask(start(TOKEN).address, headers=headers).status == 200


@pytest.mark.parametrize(
    "value", ["", "Bearer", f"Bearer {TOKEN}x", "Basic !", "Basic YTpi", f"Token {TOKEN}", "x" * 999]
)
def test_nothing_else_does(start: Start, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_WRONG_TOKEN_S", 0)
    address = start(TOKEN).address
    for path in ("/", "/nothing"):
        answer = ask(address, path, headers={"Authorization": value})
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert TOKEN.encode() not in answer.body


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]:80", ""])
def test_this_board_may_ask(start: Start, host: str) -> None:
    assert ask(start().address, headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.168.1.9:80", "[", "a b"])
def test_pages_elsewhere_may_not_ask(start: Start, host: str) -> None:
    assert ask(start().address, headers={"Host": host}).status == 403


def test_nothing_that_clients_send_is_logged(
    start: Start, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    address = start(TOKEN).address
    ask(address, "/hunter2", headers={"Authorization": "Bearer hunter2"})
    with connect(address) as connection:
        connection.sendall(b"hunter2\0\xff\r\n\r\n")
        received(connection)
    assert "hunter2" not in caplog.text + "".join(capsys.readouterr())


def test_an_address_in_use_is_one_line(start: Start) -> None:
    taken = start().address
    with pytest.raises(
        FatalError, match=r"--echo 127.0.0.1:\d+: cannot be listened at .* choose another port"
    ):
        WebServer(taken, Echo, None, Limits(), "--echo")
    with pytest.raises(FatalError, match="check the host"):
        WebServer(Address("203.0.113.1", 0), Echo, None, Limits(), "--echo")


def test_errors_have_a_status() -> None:
    refused = Refused(HTTPStatus.CONFLICT, "no", Retry_After="3")
    assert (refused.status, refused.headers, str(refused)) == (409, {"Retry-After": "3"}, "no")
