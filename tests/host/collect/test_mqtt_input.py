"""Against a real broker: mosquitto, where it is installed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from paho.mqtt import client as paho

from device_runtime.delivery.destination import MqttDestination
from device_runtime.delivery.mqtt import MqttChannel
from device_runtime.errors import FatalError
from host.collect.metrics import Metrics
from host.collect.mqtt_input import MqttInput, decode_message
from host.collect.mqtt_source import MqttSource
from host.store.store import Store
from tests.device_runtime.delivery.spools import entry, spool_with
from tests.device_runtime.delivery.test_mqtt import Broker, needs_broker
from tests.host.collect.collecting import until
from tests.items import event, health


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    one = Broker(tmp_path, "allow_anonymous true", "max_inflight_messages 0", "max_queued_messages 0")
    one.start()
    yield one
    one.stop()


def source(broker: Broker, client: str = "one") -> MqttSource:
    return MqttSource(host="127.0.0.1", port=broker.port, client=client)


def publisher(broker: Broker) -> Any:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    return client


@needs_broker
def test_a_boards_own_client_is_understood(broker: Broker, store: Store, tmp_path: Path) -> None:
    taking = MqttInput(source(broker), store, Metrics())
    until(lambda: taking.is_subscribed)
    board = MqttChannel(MqttDestination(host="127.0.0.1", port=broker.port, topic="lpr/gate", node="gate"))
    spool = spool_with(tmp_path / "spool")
    for kind, body in (("event", event()), ("health", health())):
        spool.append(entry(spool, kind, body=msgspec.to_builtins(body)))
    spool.sync()
    until(lambda: board.step(spool) is not None and spool.empty)
    board.close()
    until(lambda: len(store.events().rows) == 1 and len(store.health("gate")) == 1)
    taking.close(5)


@needs_broker
def test_collectors_share_and_what_was_not_acknowledged_comes_again(broker: Broker, store: Store) -> None:
    metrics = Metrics(), Metrics()
    one = MqttInput(source(broker, "one"), store, metrics[0])
    two = MqttInput(source(broker, "two"), store, metrics[1])
    until(lambda: one.is_subscribed and two.is_subscribed)
    client = publisher(broker)

    def publish(n: int) -> None:
        for _ in range(n):
            client.publish("lpr/gate/event", msgspec.json.encode(event()), qos=1)

    def shares() -> list[float]:
        return [one.value("lpr_items_total", way="mqtt", outcome="stored") for one in metrics]

    publish(40)
    # A collector counts what it has stored a moment after it is there.
    until(lambda: sum(shares()) == 40)
    assert len(store.events(limit=200).rows) == 40 and all(0 < share < 40 for share in shares())
    two.close(5)
    one.close(5)
    # Both are away: the broker keeps what comes.
    publish(20)
    client.publish("lpr/gate/event", b"nonsense", qos=1)
    client.publish("lpr/\u00e9\u202e/event", msgspec.json.encode(event()), qos=1)
    until(lambda: client.want_write() is False)
    time.sleep(0.1)
    again = [MqttInput(source(broker, name), store, metrics[0]) for name in ("one", "two")]
    until(lambda: len(store.events(limit=200).rows) == 60)
    until(lambda: metrics[0].value("lpr_items_total", way="mqtt", outcome="refused") == 2)
    for taking in again:
        taking.close(5)
    client.loop_stop()


@needs_broker
def test_a_broker_that_is_away_is_waited_for(
    broker: Broker, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    broker.stop()
    taking = MqttInput(source(broker), store, Metrics())
    until(lambda: "cannot be reached" in caplog.text)
    broker.start()
    until(lambda: taking.is_subscribed)
    taking.close(5)


def test_a_topic_names_the_board() -> None:
    body = msgspec.json.encode(event("粤B12345"))
    board, item = decode_message("fleet/a/gate-1/event", body, "fleet/a")
    assert (board, item.plate) == ("gate-1", "粤B12345")
    for topic in (
        "fleet/a/event",
        "fleet/a//event",
        "fleet/a/x/y/event",
        "fleet/a/x/status",
        "lpr/x/event",
    ):
        with pytest.raises(FatalError, match="is no topic of a board"):
            decode_message(topic, body, "fleet/a")


def test_certificates_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    source = MqttSource(host="127.0.0.1", port=1, tls=True, ca=tmp_path / "ca.pem")
    with pytest.raises(FatalError, match=r"ca\.pem: cannot be read"):
        MqttInput(source, None, Metrics())  # type: ignore[arg-type]
