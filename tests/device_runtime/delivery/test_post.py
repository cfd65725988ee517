from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_runtime.delivery.channel import IDLE_S, Unreachable
from device_runtime.delivery.destination import HttpDestination
from device_runtime.delivery.post import HttpChannel
from device_runtime.delivery.spool import Spool
from host.endure.web_host import Host, serving
from tests.device_runtime.delivery.spools import fill


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool")
    yield spool
    spool.close()


@pytest.fixture
def host() -> Iterator[Host]:
    with serving(Host()) as host:
        yield host


def channel_to(host: Host, timeout_s: float = 10) -> HttpChannel:
    destination = HttpDestination("http", "127.0.0.1", host.server_port, "/in")
    return HttpChannel(destination, "t0ken", timeout_s=timeout_s)


def drain(channel: HttpChannel, spool: Spool) -> list[str]:
    """Step until all is delivered; returns what went wrong on the way."""
    errors: list[str] = []
    while True:
        try:
            if channel.step(spool):
                return errors
        except Unreachable as error:
            errors.append(str(error))


def test_items_are_posted_in_batches_with_the_token_and_acknowledged(host: Host, spool: Spool) -> None:
    entries = fill(spool, 230)
    assert drain(channel_to(host), spool) == []
    assert list(host.items.values()) == [e.sequence for e in entries] and host.twice == []
    assert [n for _, n in host.requests] == [100, 100, 30]
    assert host.requests[0][0]["Authorization"] == "Bearer t0ken"
    assert host.requests[0][0]["Content-Type"] == "application/json"
    assert spool.after(0, 1, 1) == [] and spool.counts.acknowledged == 230


def test_what_goes_wrong_is_tried_again_and_stored_once(host: Host, spool: Spool) -> None:
    entries = fill(spool, 50)
    host.faults = ["drop", 500, "lose", 503, "lose", 302, 401]
    errors = drain(channel_to(host), spool)
    assert errors[1::2] == ["answers 500", "answers 503", "answers 302"] and errors[-1].startswith(
        "answers 401; "
    )
    assert all("breaks off" in error or "cannot be reached" in error for error in errors[:-1:2])
    # The board was told nothing twice: the host knows items by their ids.
    assert list(host.items.values()) == [e.sequence for e in entries] and len(host.twice) == 100


@pytest.mark.parametrize(
    "body",
    [
        b"<html>log in</html>",
        b"",
        b"[]",
        b'{"accepted": "all"}',
        b'{"accepted": []}',
        b'{"accepted": ["x"]}',
        b"{" * 9999,
        b"\xff",
    ],
)
def test_a_2xx_that_does_not_name_the_items_acknowledges_none(host: Host, spool: Spool, body: bytes) -> None:
    entries = fill(spool, 3)
    host.faults = [body]
    with pytest.raises(Unreachable, match=r"answers 200 without saying|accepts none"):
        channel_to(host).step(spool)
    assert spool.after(0, 9, 1 << 20) == entries


def test_only_the_accepted_ids_are_acknowledged_and_refused_ones_are_dropped(
    host: Host, spool: Spool
) -> None:
    entries = fill(spool, 3)
    answer = {
        "accepted": [entries[2].id, "x"],
        "refused": [{"id": entries[0].id, "why": "too old"}],
        "new": 1,
    }
    host.faults = [json.dumps(answer).encode()]
    channel = channel_to(host)
    assert channel.step(spool) == 0
    assert spool.after(0, 9, 1 << 20) == entries[1:2]
    assert (spool.counts.acknowledged, spool.counts.refused) == (1, 1)


def test_too_large_a_batch_is_halved_and_too_large_an_item_dropped(host: Host, spool: Spool) -> None:
    entries = fill(spool, 4)
    host.faults = [413, 413, 413]
    assert drain(channel_to(host), spool) == []
    assert [n for _, n in host.requests] == [4, 2, 1, 1, 2]
    assert list(host.items.values()) == [e.sequence for e in entries[1:]] and spool.counts.refused == 1


def test_the_host_says_how_long_to_wait(host: Host, spool: Spool) -> None:
    fill(spool, 1)
    host.faults = [429]
    with pytest.raises(Unreachable) as caught:
        channel_to(host).step(spool)
    assert caught.value.after_s == 7


def test_a_host_that_does_not_answer_is_given_up(host: Host, spool: Spool) -> None:
    fill(spool, 1)
    host.faults = ["stall"]
    with pytest.raises(Unreachable, match="does not answer in time"):
        channel_to(host, timeout_s=0.2).step(spool)


def test_a_host_that_answers_ever_so_slowly_is_given_up(spool: Spool) -> None:
    fill(spool, 1)
    done = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            while not done.wait(0.05):
                try:
                    connection.send(b"HTTP/1.1 200 OK\r\nX: "[:1])
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        destination = HttpDestination("http", "127.0.0.1", listener.getsockname()[1], "/")
        with pytest.raises(Unreachable):
            HttpChannel(destination, whole_s=0.5).step(spool)
        done.set()


def test_a_request_can_be_aborted(host: Host, spool: Spool) -> None:
    fill(spool, 1)
    host.faults = ["stall"]
    channel = channel_to(host, timeout_s=60)
    errors: list[str] = []
    thread = threading.Thread(target=lambda: errors.extend(drain(channel, spool)[:1]), daemon=True)
    thread.start()
    while not errors and thread.is_alive():
        channel.abort()
        thread.join(0.02)
    host.released.set()
    thread.join()
    assert len(errors) == 1 and len(host.items) == 1


def test_nobody_there(spool: Spool) -> None:
    fill(spool, 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match=r"cannot be reached \(Connection refused\)"):
        HttpChannel(HttpDestination("http", "127.0.0.1", port, "/")).step(spool)
    with pytest.raises(Unreachable, match="cannot be reached"):
        HttpChannel(HttpDestination("http", "no-such-host.invalid", 80, "/")).step(spool)


def test_an_unknown_certificate_is_not_trusted_and_a_known_one_is(
    host: Host, spool: Spool, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    host.socket = server.wrap_socket(host.socket, server_side=True, do_handshake_on_connect=False)
    destination = HttpDestination("https", "localhost", host.server_port, "/")
    fill(spool, 2)
    with pytest.raises(Unreachable, match=r"its certificate is not trusted \(self.signed"):
        HttpChannel(destination).step(spool)
    assert host.items == {}
    known = ssl.create_default_context(cafile=str(certificate))
    channel = HttpChannel(destination, context=known)
    assert drain(channel, spool) == [] and len(host.items) == 2
    connections = host.connections
    host.faults = ["ok", "close"]
    for number in range(3):
        # Kept, kept, and opened again.
        fill(spool, 1)
        assert drain(channel, spool) == [] and len(host.items) == 3 + number
        time.sleep(0.05)
    assert host.connections == connections + 1 and host.twice == []
    other = HttpChannel(HttpDestination("https", "127.0.0.1", host.server_port, "/"), context=known)
    fill(spool, 1)
    with pytest.raises(Unreachable, match=r"its certificate is not trusted .*127\.0\.0\.1"):
        other.step(spool)


def test_a_token_without_tls_is_warned_of_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    HttpChannel(HttpDestination("http", "host.example", 80, "/"), "t0ken")
    assert "the token can be read on the way" in caplog.text and "t0ken" not in caplog.text
    caplog.clear()
    HttpChannel(HttpDestination("https", "host.example", 443, "/"), "t0ken")
    assert caplog.text == ""


def test_a_connection_is_kept_for_what_comes_next(host: Host, spool: Spool) -> None:
    channel = channel_to(host)
    for _ in range(3):
        fill(spool, 1)
        assert drain(channel, spool) == []
    assert (len(host.items), host.connections) == (3, 1)
    channel.close()
    fill(spool, 1)
    assert drain(channel, spool) == []
    assert (len(host.items), host.connections) == (4, 2)


@pytest.mark.parametrize(
    ("faults", "twice", "connections"),
    [
        # It had closed the connection: that is seen before anything is sent.
        (["close"], 0, 2),
        # It closes the connection when the request arrives: sent again at once, and stored once.
        (["ok", "drop"], 0, 2),
        (["ok", "lose"], 1, 2),
    ],
)
def test_a_kept_connection_that_the_host_closed_is_no_failure(
    host: Host, spool: Spool, faults: list[str | int | bytes], twice: int, connections: int
) -> None:
    host.faults = faults
    channel = channel_to(host)
    for _ in range(2):
        fill(spool, 1)
        assert drain(channel, spool) == []
        time.sleep(0.05)
    assert (len(host.items), len(host.twice), host.connections) == (2, twice, connections)
    assert spool.counts.acknowledged == 2


def test_a_host_that_closes_a_new_connection_too_has_failed(host: Host, spool: Spool) -> None:
    host.faults = ["ok", "drop", "drop"]
    channel = channel_to(host)
    fill(spool, 1)
    assert drain(channel, spool) == []
    fill(spool, 1)
    assert len(drain(channel, spool)) == 1
    assert (len(host.items), host.twice) == (2, [])


@pytest.mark.parametrize(
    ("keep_alive", "least", "most"),
    [
        (None, 10, 15),
        ("timeout=8", 5, 7),
        ("max=9, timeout=8, x", 5, 7),
        ("timeout=86400", 20, 30),
        ("x", 10, 15),
    ],
)
def test_a_connection_is_kept_as_long_as_the_host_says(
    host: Host, spool: Spool, keep_alive: str | None, least: float, most: float
) -> None:
    host.keep_alive = keep_alive
    channel = channel_to(host)
    fill(spool, 1)
    assert channel.step(spool) == 0
    assert least < channel.step(spool) <= most


def test_a_connection_whose_time_is_up_is_not_used_again(host: Host, spool: Spool) -> None:
    host.keep_alive = "timeout=1"
    channel = channel_to(host)
    for _ in range(2):
        fill(spool, 1)
        assert channel.step(spool) == 0
        assert channel.step(spool) == IDLE_S
    assert host.connections == 2
