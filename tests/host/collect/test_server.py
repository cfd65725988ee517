"""Against real sockets."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import httpx
import psutil
import pytest

from device_runtime.delivery.channel import IDLE_S
from device_runtime.delivery.destination import HttpDestination
from device_runtime.delivery.post import HttpChannel
from device_runtime.delivery.spool import Spool
from device_runtime.delivery.spool_file import Entry
from device_runtime.errors import FatalError
from device_runtime.service.address import Address
from host.collect.app import AppSettings
from host.collect.body import BodyLimits
from host.collect.incoming import id_of
from host.collect.items import Limits
from host.collect.server import (
    CONNECTIONS,
    KEEP_ALIVE_CROWDED_S,
    KEEP_ALIVE_S,
    Tls,
    keep_alive_s,
    listen,
)
from host.store.store import Store
from tests.host.collect.certificate import certificate_in
from tests.host.collect.collecting import HASHED, batch, bearer, collecting
from tests.items import encoded, event


def answer_to(address: Address, *pieces: bytes) -> bytes:
    """What comes until the connection is closed, after sending *pieces* and no more."""
    with socket.create_connection((address.host, address.port), timeout=30) as asking:
        for piece in pieces:
            asking.sendall(piece)
            time.sleep(0.02)
        whole = b""
        try:
            while piece := asking.recv(4096):
                whole += piece
        except ConnectionResetError:
            pass
        return whole


def test_requests_that_never_end_are_cut_off(store: Store) -> None:
    token = store.add_token("gate")
    body = BodyLimits(silent_s=0.3)
    app = AppSettings(password=HASHED, limits=Limits(body=body))
    with collecting(store, app=app, head_s=0.3) as address:
        assert address is not None
        assert answer_to(address) == b""
        assert answer_to(address, b"GET /hea", b"lthz HTTP/1.1\r\nX-A: b\r\n") == b""
        # The second request of a connection, too.
        two = answer_to(address, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", b"GET")
        assert two.startswith(b"HTTP/1.1 200") and two.endswith(b"ok\n")
        known = f"Authorization: Bearer {token}\r\n"
        head = f"POST /items HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n{known}\r\n"
        assert answer_to(address, head.encode(), b'{"items":').startswith(b"HTTP/1.1 408")
        chunked = head.replace("Content-Length: 99", "Transfer-Encoding: chunked")
        assert answer_to(address, chunked.encode(), b"1\r\n{\r\n").startswith(b"HTTP/1.1 408")
        # Others were served meanwhile.
        good = encoded("event", event())
        answer = httpx.post(f"http://{address}/items", content=batch(good), headers=bearer(token))
        assert len(answer.json()["accepted"]) == 1


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00 TLS", b"GET / HTTP/9\r\n\r\n", b"\r\n" * 40, b"X" * 70_000,
        b"POST /items HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /items HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_http_costs_nobody_else(broken_at: Address, request_: bytes) -> None:
    answer = answer_to(broken_at, request_)
    assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert httpx.get(f"http://{broken_at}/healthz").status_code == 200


@pytest.fixture(scope="module")
def broken_at(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Where strangers send nonsense."""
    from host.store.store import open_store

    with (
        open_store(f"sqlite:///{tmp_path_factory.mktemp('broken')}/lpr.db") as store,
        collecting(store, head_s=0.3) as address,
    ):
        yield address


def test_tls(store: Store, tmp_path: Path) -> None:
    tls = Tls(*certificate_in(tmp_path))
    tls.check()
    with collecting(store, tls=tls) as address:
        context = ssl.create_default_context(cafile=str(tls.certificate))
        assert httpx.get(f"https://{address}/healthz", verify=context).text == "ok\n"
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://{address}/healthz")


def test_a_certificate_without_its_key_is_one_line(tmp_path: Path) -> None:
    certificate, _ = certificate_in(tmp_path)
    with pytest.raises(FatalError, match="are no certificate and its key"):
        Tls(certificate, certificate).check()
    with pytest.raises(FatalError, match="No such file"):
        Tls(tmp_path / "none", certificate).check()


def test_an_address_that_is_taken_is_one_line() -> None:
    with listen(Address("127.0.0.1", 0)) as first:
        taken = Address("127.0.0.1", first.getsockname()[1])
        with pytest.raises(FatalError, match=r"cannot be listened at \(Address already in use\)"):
            listen(taken)
    with pytest.raises(FatalError, match="cannot be listened at"):
        listen(Address("no.such.host.invalid", 0))


@pytest.mark.parametrize("over_tls", [False, True])
def test_a_board_sends_all_over_one_connection(store: Store, tmp_path: Path, over_tls: bool) -> None:
    tls = Tls(*certificate_in(tmp_path)) if over_tls else None
    spool = Spool(tmp_path / "spool")
    with collecting(store, tls=tls) as address:
        assert address is not None
        context = ssl.create_default_context(cafile=str(tls.certificate)) if tls else None
        destination = HttpDestination("https" if tls else "http", address.host, address.port, "/items")
        channel = HttpChannel(destination, store.add_token("gate"), context=context)
        ports = set()
        for number in range(1, 4):
            data = encoded("event", event())
            spool.append(Entry(number, id_of(data), "event", data))
            spool.sync()
            assert channel.step(spool) == 0 and spool.empty
            # As long as the collector has told.
            assert 20 < channel.step(spool) <= IDLE_S
            ports |= {
                one.laddr.port for one in psutil.Process().net_connections()
                if one.raddr and one.raddr.port == address.port and one.status == psutil.CONN_ESTABLISHED
            }  # fmt: skip
        assert len(ports) == 1
    # Closed by the collector, which has ended.
    assert channel.step(spool) == IDLE_S
    channel.close()
    spool.close()
    assert len(store.events().rows) == 3


def test_many_connections_are_kept_for_a_shorter_time() -> None:
    assert keep_alive_s(1) == KEEP_ALIVE_S
    assert keep_alive_s(CONNECTIONS - 1) == KEEP_ALIVE_CROWDED_S
