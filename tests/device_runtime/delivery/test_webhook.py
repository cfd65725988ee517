from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from device_runtime.delivery.channel import Unreachable
from device_runtime.delivery.delivery import Delivery
from device_runtime.delivery.destination import HttpDestination, WebhookDestination
from device_runtime.delivery.webhook import SECRET, WebhookChannel, sign
from tests.device_runtime.delivery.spools import spool_with


class Hooked(ThreadingHTTPServer):
    """Keeps requests, and answers with the next of `statuses`, or 204."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: list[int] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hooked

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.send_header("Content-Length", "0")
        self.send_header("Retry-After", "7")
        self.end_headers()


@pytest.fixture
def hooked() -> Iterator[Hooked]:
    server = Hooked()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def address(server: Hooked) -> HttpDestination:
    return HttpDestination("http", "127.0.0.1", server.server_address[1], "/hook?x=1")


def test_a_signature_is_an_hmac_of_time_and_body() -> None:
    made = sign(b"key", b'{"text":"A"}', 1_700_000_000)
    digest = hmac.new(b"key", b'1700000000.{"text":"A"}', hashlib.sha256).hexdigest()
    assert made == f"t=1700000000,v1={digest}"


def test_each_event_is_a_signed_request(hooked: Hooked, tmp_path: Path) -> None:
    spool = spool_with(tmp_path / "s", "京A1", "京A2")
    channel = WebhookChannel(address(hooked), "key")
    while channel.step(spool) == 0:
        pass
    assert spool.empty and [json.loads(body)["text"] for _, body in hooked.requests] == ["京A1", "京A2"]
    for headers, body in hooked.requests:
        at = int(headers["LPR-Signature"].split(",")[0].removeprefix("t="))
        assert headers["LPR-Signature"] == sign(b"key", body, at) and abs(at - time.time()) < 60
    assert len({headers["LPR-Id"] for headers, _ in hooked.requests}) == 2
    spool.close()


@pytest.mark.parametrize(
    ("status", "left"), [(503, True), (429, True), (401, True), (302, True), (422, False)]
)
def test_what_can_be_mended_is_sent_again(hooked: Hooked, tmp_path: Path, status: int, left: int) -> None:
    spool = spool_with(tmp_path / "s", "京A1")
    hooked.statuses = [status]
    channel = WebhookChannel(address(hooked), "key")
    if left:
        with pytest.raises(Unreachable, match=str(status)) as caught:
            channel.step(spool)
        assert caught.value.after_s == 7
        assert channel.step(spool) == 0 and spool.counts.acknowledged == 1
    else:
        assert channel.step(spool) == 0 and spool.counts.refused == 1
    assert spool.empty
    spool.close()


def test_without_a_secret_nothing_is_signed_and_nobody_there_is_unreachable(
    hooked: Hooked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET, raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    spool = spool_with(tmp_path / "s", "京A1")
    assert WebhookChannel(address(hooked)).step(spool) == 0
    assert "LPR-Signature" not in hooked.requests[0][0]
    with pytest.raises(Unreachable, match="cannot be reached"):
        WebhookChannel(HttpDestination("http", "127.0.0.1", 1, "/")).step(spool_with(tmp_path / "t", "京A2"))
    spool.close()


def test_a_delivery_takes_its_secret_from_a_file(
    hooked: Hooked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("key\n")
    monkeypatch.setenv(f"{SECRET}_FILE", str(tmp_path / "secret"))
    with Delivery(WebhookDestination(address(hooked)), tmp_path / "s") as delivery:
        delivery.put("event", {"text": "京A1"})
    ((headers, body),) = hooked.requests
    at = int(headers["LPR-Signature"].split(",")[0].removeprefix("t="))
    assert headers["LPR-Signature"] == sign(b"key", body, at)
