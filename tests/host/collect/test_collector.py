"""A whole collector: all its inputs at once, and its end."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from device_runtime.delivery.channel import Channel
from device_runtime.delivery.destination import HttpDestination, MqttDestination, SerialDestination
from device_runtime.delivery.mqtt import MqttChannel
from device_runtime.delivery.post import HttpChannel
from device_runtime.delivery.serial_line import SerialChannel
from device_runtime.delivery.spool import Spool
from device_runtime.delivery.spool_file import Entry
from host.collect.incoming import id_of
from host.collect.mqtt_source import MqttSource
from host.collect.serial_input import SerialSource
from host.store.store import Store, open_store
from tests.device_runtime.delivery.test_mqtt import Broker, needs_broker
from tests.host.collect.collecting import PASSWORD, batch, bearer, collecting, until
from tests.host.collect.test_serial_input import line
from tests.items import encoded, event
from tests.reports import made


@needs_broker
def test_a_report_over_http_serial_and_mqtt_is_one_row(store: Store, tmp_path: Path) -> None:
    token = store.add_token("gate")
    broker = Broker(tmp_path, "allow_anonymous true")
    broker.start()
    with line() as (board, host):
        serial = [SerialSource("gate", SerialDestination(host))]
        source = MqttSource(host="127.0.0.1", port=broker.port)
        with collecting(store, serial=serial, mqtt=source) as address:
            assert address is not None
            until(lambda: "lpr_mqtt_connected 1" in httpx.get(f"http://{address}/metrics").text)
            mqtt = MqttDestination(host="127.0.0.1", port=broker.port, topic="lpr/gate")
            channels: list[Channel] = [
                HttpChannel(HttpDestination("http", address.host, address.port, "/items"), token),
                SerialChannel(SerialDestination(board)),
                MqttChannel(mqtt),
            ]
            for index, channel in enumerate(channels):
                spool = Spool(tmp_path / f"spool-{index}")
                # As of one board: every spool has ids of its own.
                data = encoded("report", made())
                spool.append(Entry(1, id_of(data), "report", data))
                spool.sync()
                until(lambda c=channel, s=spool: c.step(s) is not None and s.empty)  # type: ignore[misc]
                channel.close()
            text = ""
            for _ in range(500):
                text = httpx.get(f"http://{address}/metrics").text
                if text.count('outcome="known"') == 2:
                    break
                time.sleep(0.02)
            assert 'lpr_items_total{outcome="stored",way="http"} 1' in text
            assert 'lpr_items_total{outcome="known",way="mqtt"} 1' in text
            assert 'lpr_items_total{outcome="known",way="serial"} 1' in text
    broker.stop()
    assert [row.report for row in store.reports().rows] == [made()]


def test_the_command_serves_tells_systemd_and_ends_in_time(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path}/lpr.db"
    with open_store(db) as store:
        token = store.add_token("gate")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(60)
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from host.cli import main; main()", "collect"),
                *("--http", "127.0.0.1:0", "--db", db, "--password-file", str(tmp_path / "password")),
            ],
            env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        while b"READY=1" not in notified.recv(4096):
            pass
        said = ""
        while "boards send to" not in said:
            said += process.stdout.readline()
        found = re.search(r"boards send to (http://\S+/items)", said)
        assert found is not None and "password for the pages: " in said
        # Somebody whose request is not at its end, and somebody who stays connected.
        host, port = found[1].removeprefix("http://").removesuffix("/items").split(":")
        waiting = socket.create_connection((host, int(port)))
        waiting.sendall(b"POST /items HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nAuthorization: Bearer ")
        waiting.sendall(token.encode() + b"\r\n\r\n{")
        with httpx.Client() as asking:
            answer = asking.post(found[1], content=batch(encoded("event", event())), headers=bearer(token))
            assert len(answer.json()["accepted"]) == 1
            pages = found[1].removesuffix("items")
            password = re.search(r"password for the pages: (\S+)", said)
            assert password is not None
            asking.post(f"{pages}login", data={"password": password[1]})
            page = asking.get(pages)
            assert page.status_code == 200 and "gate" in page.text and "no-store" in str(page.headers)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        waiting.close()
        told = b""
        while b"STOPPING=1" not in told:
            told = notified.recv(4096)
    with open_store(db) as store:
        assert len(store.events().rows) == 1


def test_a_page_is_given_what_it_needs_and_hangs_nobody(store: Store) -> None:
    """A stream that never ends does not keep the collector from ending."""

    async def live(request: Request) -> StreamingResponse:
        async def events() -> AsyncIterator[bytes]:
            while True:
                yield b"data: %d\n\n" % len(request.app.state.store.events().rows)
                await asyncio.sleep(0.05)

        return StreamingResponse(events(), media_type="text/event-stream")

    with collecting(store, pages=[Route("/live", live)]) as address, httpx.Client() as asking:
        asking.post(f"http://{address}/login", data={"password": PASSWORD})
        with asking.stream("GET", f"http://{address}/live") as answer:
            lines = answer.iter_lines()
            assert next(lines) == "data: 0"
