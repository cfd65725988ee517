"""Against a real broker: mosquitto, where it is installed."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device_runtime.delivery.channel import Unreachable
from device_runtime.delivery.delivery import Delivery
from device_runtime.delivery.destination import MqttDestination
from device_runtime.delivery.mqtt import MqttChannel, discovery
from device_runtime.errors import FatalError
from tests.device_runtime.delivery.spools import entry, spool_with

paho = pytest.importorskip("paho.mqtt.client")
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


class Broker:
    """A mosquitto in a folder, and all that was published there."""

    def __init__(self, folder: Path, *lines: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.config = folder / "mosquitto.conf"
        # As root it would become another user, who may not read this folder.
        user = getpass.getuser()
        listener = f"listener {self.port} 127.0.0.1"
        self.config.write_text("\n".join((f"user {user}", listener, *lines)) + "\n")
        self.process: subprocess.Popen[bytes] | None = None
        self.messages: list[tuple[str, bytes, bool]] = []

    def start(self) -> None:
        assert MOSQUITTO is not None
        self.process = subprocess.Popen([MOSQUITTO, "-c", str(self.config)], stderr=subprocess.DEVNULL)
        until(self.answers)

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def listen(self, user: str | None = None, password: str | None = None) -> Any:
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        if user is not None:
            client.username_pw_set(user, password)
        client.on_message = lambda c, d, m: self.messages.append((m.topic, m.payload, m.retain))
        client.on_connect = lambda c, d, f, r, p: c.subscribe("#", 1)
        subscribed: list[int] = []
        client.on_subscribe = lambda c, d, mid, codes, p: subscribed.append(mid)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        until(lambda: bool(subscribed))
        return client

    def said(self, topic: str) -> list[bytes]:
        return [payload for name, payload, _ in self.messages if name == topic]


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    one = Broker(tmp_path, "allow_anonymous true")
    one.start()
    yield one
    one.stop()


def to(broker: Broker, **changes: Any) -> MqttDestination:
    return MqttDestination(host="127.0.0.1", port=broker.port, topic="gate/lpr", node="board-1", **changes)


@needs_broker
def test_events_state_and_discovery_are_published(broker: Broker, tmp_path: Path) -> None:
    listener = broker.listen()
    with Delivery(to(broker), tmp_path / "spool") as delivery:
        for text in ("京A1", "京A2"):
            delivery.put("event", {"text": text})
        until(delivery.drained)
    until(lambda: broker.said("gate/lpr/status")[-1:] == [b"offline"])
    listener.loop_stop()
    assert [json.loads(body)["text"] for body in broker.said("gate/lpr/event")] == ["京A1", "京A2"]
    assert broker.said("gate/lpr/status") == [b"online", b"offline"]
    (about,) = broker.said("homeassistant/sensor/board-1/config")
    assert json.loads(about)["state_topic"] == "gate/lpr/event"
    assert json.loads(about)["availability_topic"] == "gate/lpr/status"


@needs_broker
def test_a_board_that_vanishes_is_offline_by_its_last_will(broker: Broker, tmp_path: Path) -> None:
    listener = broker.listen()
    channel = MqttChannel(to(broker))
    spool = spool_with(tmp_path / "s")
    channel.step(spool)
    until(lambda: broker.said("gate/lpr/status") == [b"online"])
    vars(channel)["_client"].socket().shutdown(socket.SHUT_RDWR)
    until(lambda: broker.said("gate/lpr/status") == [b"online", b"offline"])
    listener.loop_stop()
    with pytest.raises(Unreachable, match="closed the connection"):
        until(lambda: channel.step(spool) == 0)
    spool.close()


@needs_broker
def test_events_wait_while_the_broker_is_away(broker: Broker, tmp_path: Path) -> None:
    channel = MqttChannel(to(broker), answer_s=5.0)
    spool = spool_with(tmp_path / "s", "京A1")
    assert channel.step(spool) == 0 and spool.empty
    broker.stop()
    spool.append(entry(spool, body={"text": "京A2"}))
    spool.sync()
    with pytest.raises(Unreachable):
        channel.step(spool)
    with pytest.raises(Unreachable, match="cannot be reached"):
        channel.step(spool)
    broker.start()
    listener = broker.listen()
    assert channel.step(spool) == 0 and spool.empty
    until(lambda: [json.loads(body)["text"] for body in broker.said("gate/lpr/event")] == ["京A2"])
    channel.close()
    listener.loop_stop()
    spool.close()


@needs_broker
def test_the_password_comes_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maker = shutil.which("mosquitto_passwd")
    assert maker is not None
    subprocess.run([maker, "-b", "-c", str(tmp_path / "users"), "board", "pass word"], check=True)
    (tmp_path / "users").chmod(0o644)
    broker = Broker(tmp_path, "allow_anonymous false", f"password_file {tmp_path / 'users'}")
    broker.start()
    try:
        spool = spool_with(tmp_path / "s", "京A1")
        wrong = MqttChannel(to(broker, username="board"), "wrong")
        with pytest.raises(Unreachable, match=r"refuses the connection \(Not authorized"):
            wrong.step(spool)
        (tmp_path / "secret").write_text("pass word\n")
        monkeypatch.setenv("LPR_MQTT_PASSWORD_FILE", str(tmp_path / "secret"))
        right = MqttChannel(to(broker, username="board"))
        assert right.step(spool) == 0 and spool.empty
        right.close()
        spool.close()
    finally:
        broker.stop()


@needs_broker
def test_a_broker_has_to_prove_who_it_is(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    key.chmod(0o644)
    broker = Broker(tmp_path, "allow_anonymous true", f"certfile {certificate}", f"keyfile {key}")
    broker.start()
    try:
        spool = spool_with(tmp_path / "s", "京A1")
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            MqttChannel(to(broker, tls=True)).step(spool)
        channel = MqttChannel(to(broker, tls=True, ca=certificate))
        assert channel.step(spool) == 0 and spool.empty
        channel.close()
        spool.close()
    finally:
        broker.stop()


def test_a_broker_that_never_answers_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = MqttDestination(host="127.0.0.1", port=silent.getsockname()[1])
        spool = spool_with(tmp_path / "s", "京A1")
        with pytest.raises(Unreachable, match="does not answer"):
            MqttChannel(where, answer_s=0.2).step(spool)
        spool.close()


def test_home_assistant_is_told_only_where_asked_and_certificates_are_read_at_once(tmp_path: Path) -> None:
    assert discovery(MqttDestination(host="h", port=1, discovery=None)) == {}
    with pytest.raises(FatalError, match="cannot be read"):
        MqttChannel(MqttDestination(host="h", port=1, tls=True, ca=tmp_path / "none.pem"))
