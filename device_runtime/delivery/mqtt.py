"""Events to an MQTT broker, with paho-mqtt, which the extra `mqtt` installs.

TOPIC/event     the event, as `docs/events.md` describes it; QoS 1, so that it may come twice
TOPIC/health, TOPIC/report
                likewise, where the settings ask for it
TOPIC/status    online, or offline by the last will; retained
homeassistant/sensor/NODE/config
                retained: Home Assistant makes a sensor of it that shows the last plate
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from device_runtime import __version__
from device_runtime.delivery.channel import Unreachable
from device_runtime.delivery.destination import MqttDestination
from device_runtime.delivery.item import body_of
from device_runtime.delivery.spool import Spool
from device_runtime.delivery.spool_file import Entry
from device_runtime.errors import FatalError
from device_runtime.secret import read_secret

PASSWORD = "LPR_MQTT_PASSWORD"
"""Environment variable with the password, as of `read_secret`."""

ANSWER_S = 10.0
"""For connecting, and for the broker's answer to what was sent."""

_BATCH_ITEMS, _BATCH_BYTES = 20, 256 << 10
_CHECK_S = 5.0
"""A connection with nothing to send is looked at so often."""
_KEEPALIVE_S = 30


class MqttChannel:
    """Publishes the bodies of items.

    Args:
        destination: the broker, and what to say where.
        password: of its user. Read with `read_secret` where not given.
        answer_s: as `ANSWER_S`.

    Raises:
        FatalError: paho-mqtt is not installed, or the password or the file of certificates cannot be read.
    """

    longest_wait_s = 60.0

    def __init__(
        self, destination: MqttDestination, password: str | None = None, *, answer_s: float = ANSWER_S
    ) -> None:
        self.destination = destination
        found = (password, "") if password is not None else read_secret(PASSWORD)
        self._password = found[0] if found else None
        self._answer_s = answer_s
        self._paho = _paho()
        self._tls = _tls(destination) if destination.tls else None
        self._client: Any = None
        self._aborted = threading.Event()
        self._answered = threading.Event()
        self._refused = ""

    def step(self, spool: Spool) -> float:
        """As `Channel.step`."""
        self._aborted.clear()
        if self._client is None:
            self._connect()
        entries = spool.after(0, _BATCH_ITEMS, _BATCH_BYTES)
        if not entries:
            if not self._client.is_connected():
                raise self._gone("closed the connection")
            return _CHECK_S
        self._publish(spool, entries)
        return 0

    def _publish(self, spool: Spool, entries: Sequence[Entry]) -> None:
        to, publish = self.destination.topic, self._client.publish
        under_way = [(entry, publish(f"{to}/{entry.kind}", body_of(entry.data), qos=1)) for entry in entries]
        end = time.monotonic() + self._answer_s
        for entry, message in under_way:
            while not _acknowledged(message):
                late = time.monotonic() > end
                if late or not self._client.is_connected() or self._aborted.is_set():
                    raise self._gone("does not acknowledge" if late else "closed the connection")
            spool.acknowledge([entry])

    def _connect(self) -> None:
        to = self.destination
        client = self._paho.Client(
            self._paho.CallbackAPIVersion.VERSION2, client_id=to.node, reconnect_on_failure=False
        )
        client.on_connect = self._on_connect
        client.connect_timeout = self._answer_s
        if to.username is not None or self._password is not None:
            client.username_pw_set(to.username or "", self._password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.will_set(f"{to.topic}/status", "offline", qos=1, retain=True)
        self._answered.clear()
        self._client = client
        try:
            client.connect(to.host, to.port, _KEEPALIVE_S)
        except ssl.SSLCertVerificationError as error:
            raise self._gone(f"its certificate is not trusted ({error.verify_message})") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise self._gone(f"cannot be reached ({why})") from None
        client.loop_start()
        end = time.monotonic() + self._answer_s
        while not self._answered.wait(0.05):
            if self._aborted.is_set() or time.monotonic() > end:
                raise self._gone("does not answer")
        if self._refused:
            raise self._gone(f"refuses the connection ({self._refused})")
        client.publish(f"{to.topic}/status", "online", qos=1, retain=True)
        for topic, about in discovery(to).items():
            client.publish(topic, msgspec.json.encode(about), qos=1, retain=True)

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        """Called by paho's thread."""
        self._refused = str(reason) if reason.is_failure else ""
        self._answered.set()

    def _gone(self, why: str) -> Unreachable:
        self._let_go()
        return Unreachable(why)

    def _let_go(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def abort(self) -> None:
        """As `Channel.abort`."""
        self._aborted.set()

    def close(self) -> None:
        """As `Channel.close`: says that it is offline, as the last will would."""
        if self._client is not None and self._client.is_connected():
            said = self._client.publish(f"{self.destination.topic}/status", "offline", qos=1, retain=True)
            with suppress(RuntimeError, ValueError):
                said.wait_for_publish(0.3)
        self._let_go()


def discovery(to: MqttDestination) -> dict[str, dict[str, Any]]:
    """What Home Assistant is told, by topic (MQTT discovery: `sensor`)."""
    if to.discovery is None:
        return {}
    about = {
        "name": "Last plate",
        "unique_id": f"{to.node}-plate",
        "icon": "mdi:car",
        "state_topic": f"{to.topic}/event",
        # Home Assistant takes no state longer than 255 characters, and no empty one.
        "value_template": "{{ value_json.text or 'unread' }}",
        "json_attributes_topic": f"{to.topic}/event",
        "availability_topic": f"{to.topic}/status",
        "device": {
            "identifiers": [to.node],
            "name": to.node,
            "model": "lpr-run",
            "sw_version": __version__,
        },
        "origin": {"name": "lpr-run", "sw_version": __version__},
    }
    return {f"{to.discovery}/sensor/{re.sub('[^0-9A-Za-z_-]', '_', to.node)}/config": about}


def _acknowledged(message: Any) -> bool:
    """Whether the broker has *message* within a moment."""
    try:
        message.wait_for_publish(0.05)
        return bool(message.is_published())
    except (RuntimeError, ValueError):
        # There is no connection any more, or too much is under way.
        time.sleep(0.01)
        return False


def _paho() -> Any:
    try:
        import paho.mqtt.client as paho
    except ImportError:
        raise FatalError("mqtt", "paho-mqtt is not installed", "venv/bin/pip install paho-mqtt") from None
    return paho


def _tls(destination: MqttDestination) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=destination.ca)
    except OSError as error:
        why = error.strerror or "no certificates"
        raise FatalError(str(destination.ca), f"cannot be read ({why})", "name a PEM file") from None
