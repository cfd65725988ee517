"""Items from an MQTT 5 broker: several collectors share them, each message goes to one.

    boards ── PREFIX/BOARD/event, health, report ──▶ broker ── $share/GROUP/… ──▶ this collector, or another
                                                       ◀── acknowledged once committed

The session outlives the connection: what is not acknowledged the broker gives again, to this collector or to
another of the group. Which board speaks is said by the topic: the broker's access control makes sure that
each publishes under its own name alone.
"""

from __future__ import annotations

import logging
import queue
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from device_runtime.delivery.channel import Backoff
from device_runtime.delivery.mqtt import PASSWORD
from device_runtime.errors import FatalError
from device_runtime.secret import read_secret
from host.collect.fault import is_of_the_item
from host.collect.metrics import Metrics
from host.collect.mqtt_source import MqttSource
from host.store.faults import Unavailable
from host.store.received import Received, of_body
from host.store.store import Store
from host.store.values import Accepted

LOG = logging.getLogger(__name__)

KINDS = ("event", "health", "report")
"""Last levels of the topics."""

UNACKNOWLEDGED = 1000
"""Messages that the broker may send before one is acknowledged (MQTT 5: Receive Maximum)."""

SESSION_S = 7 * 24 * 3600
"""How long the broker keeps what is for a collector that is away (Session Expiry Interval)."""

_KEEPALIVE_S = 30
_LONGEST_WAIT_S = 30
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Message:
    """What a board published.

    Attributes:
        topic, payload: as it came.
        mid: the broker's number, to acknowledge it by.
        connection: that it came over; over another one the number means something else.
    """

    topic: str
    payload: bytes
    mid: int
    connection: int


def decode_message(topic: str, payload: bytes, prefix: str) -> tuple[str, Received]:
    """The board and the item of a message.

    Raises:
        FatalError: the topic or the item is none.
    """
    board, _, kind = topic.removeprefix(f"{prefix}/").rpartition("/")
    if not topic.startswith(f"{prefix}/") or not board or "/" in board or kind not in KINDS:
        raise FatalError(topic, "is no topic of a board", f"publish to {prefix}/BOARD/event")
    return board, of_body(kind, payload, topic)


class MqttInput:
    """Takes items from a broker until it is closed.

    Args:
        source: the broker.
        store: where items go.
        metrics: counts.
        password: of the source's user; as `read_secret` finds `LPR_MQTT_PASSWORD` where None.

    Raises:
        FatalError: the file of certificates or of the password cannot be read.
    """

    def __init__(
        self, source: MqttSource, store: Store, metrics: Metrics, password: str | None = None
    ) -> None:
        self.source, self._store, self._metrics = source, store, metrics
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._connection, self._failed, self._subscribed = 0, False, False
        self._stop = threading.Event()
        self._client = self._made(password)
        self._client.connect_async(
            source.host,
            source.port,
            _KEEPALIVE_S,
            clean_start=False,
            properties=_properties(SessionExpiryInterval=SESSION_S, ReceiveMaximum=UNACKNOWLEDGED),
        )
        self._client.loop_start()
        self._thread = threading.Thread(target=self._store_all, name="mqtt-store", daemon=True)
        self._thread.start()

    @property
    def is_subscribed(self) -> bool:
        """Whether the broker is there and gives what boards publish."""
        return self._subscribed and self.is_connected

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there."""
        return bool(self._client.is_connected())

    def close(self, timeout_s: float) -> None:
        """End within *timeout_s*. What is not acknowledged the broker gives again."""
        self._stop.set()
        self._messages.put(None)
        self._thread.join(timeout_s)
        self._client.disconnect()
        self._client.loop_stop()

    def _made(self, password: str | None) -> Any:
        source = self.source
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=source.client,
            protocol=paho.MQTTv5,
            manual_ack=True,
        )
        found = (password, "") if password is not None else read_secret(PASSWORD)
        if source.username is not None or found is not None:
            client.username_pw_set(source.username or "", found[0] if found else None)
        if source.tls:
            try:
                client.tls_set_context(ssl.create_default_context(cafile=source.ca))
            except OSError as error:
                why = f"cannot be read ({error.strerror or 'no certificates'})"
                raise FatalError(str(source.ca), why, "name a PEM file") from None
        client.reconnect_delay_set(1, _LONGEST_WAIT_S)
        client.on_connect, client.on_connect_fail = self._on_connect, self._on_connect_fail
        client.on_disconnect, client.on_message = self._on_disconnect, self._on_message
        client.on_subscribe = self._on_subscribe
        return client

    # What follows is called by paho's thread, but for _store_all and what that calls.

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._connection += 1
        if reason.is_failure:
            self._warn(f"refuses the connection ({reason})")
            return
        shared = f"$share/{self.source.group}/{self.source.prefix}/+/"
        client.subscribe([(shared + kind, SubscribeOptions(qos=1)) for kind in KINDS])

    def _on_subscribe(self, client: Any, data: Any, mid: int, codes: Sequence[Any], properties: Any) -> None:
        if refused := [code for code in codes if code.is_failure]:
            self._warn(f"does not give what boards publish ({refused[0]})")
            return
        self._subscribed = True
        if self._failed:
            LOG.info("%s: is connected again", self.source)
        self._failed = False

    def _on_connect_fail(self, client: Any, data: Any) -> None:
        self._warn("cannot be reached")

    def _on_disconnect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._connection += 1
        self._subscribed = False
        if not self._stop.is_set():
            self._warn(f"closed the connection ({reason})")

    def _warn(self, why: str) -> None:
        if not self._failed:
            LOG.warning("%s: %s; it is tried again", self.source, why)
        self._failed = True

    def _on_message(self, client: Any, data: Any, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._messages.put(Message(topic, message.payload, message.mid, self._connection))

    def _store_all(self) -> None:
        while (first := self._messages.get()) is not None:
            batch = [first]
            while len(batch) < _BATCH:
                try:
                    message = self._messages.get_nowait()
                except queue.Empty:
                    break
                if message is None:
                    self._messages.put(None)
                    break
                batch.append(message)
            self._store_batch(batch)

    def _store_batch(self, batch: Sequence[Message]) -> None:
        began = time.monotonic()
        items: defaultdict[str, list[Received]] = defaultdict(list)
        for message in batch:
            try:
                board, item = decode_message(message.topic, message.payload, self.source.prefix)
                items[board].append(item)
            except FatalError as error:
                self._refuse(error, 1)
        if not self._committed(items):
            return
        self._metrics.observe("lpr_acknowledge_seconds", time.monotonic() - began, way="mqtt")
        for message in batch:
            if message.connection == self._connection:
                self._client.ack(message.mid, 1)

    def _committed(self, items: Mapping[str, Sequence[Received]]) -> bool:
        """Whether all of it is stored; tries until it is, or until the end."""
        backoff = Backoff(_LONGEST_WAIT_S)
        left = dict(items)
        while left:
            away: Exception | None = None
            waiting: dict[str, Future[Accepted]] = {}
            for board, group in list(left.items()):
                try:
                    waiting[board] = self._store.submit(board, group)
                except Unavailable as error:
                    away = error
                except FatalError as error:
                    self._refuse(error, len(left.pop(board)))
            for board, future in waiting.items():
                try:
                    accepted = future.result()
                except Exception as error:
                    if not is_of_the_item(error):
                        away = error
                        continue
                    # In a group of many each is tried alone.
                    group = left.pop(board)
                    if len(group) == 1:
                        self._refuse(error, 1)
                    elif not all(self._committed({board: [one]}) for one in group):
                        return False
                    continue
                del left[board]
                self._metrics.count("lpr_items_total", len(accepted.stored), way="mqtt", outcome="stored")
                self._metrics.count("lpr_items_total", len(accepted.known), way="mqtt", outcome="known")
            if away is not None:
                if not backoff.failures:
                    LOG.warning("%s: %s; the broker keeps what boards send", self.source, away)
                if self._stop.wait(backoff.next()):
                    return False
        return True

    def _refuse(self, error: Exception, n: int) -> None:
        LOG.warning("%s: refused %d items (%s)", self.source, n, str(error)[:200])
        self._metrics.count("lpr_items_total", n, way="mqtt", outcome="refused")


def _properties(**values: int) -> Properties:
    made = Properties(PacketTypes.CONNECT)
    for name, value in values.items():
        setattr(made, name, value)
    return made
