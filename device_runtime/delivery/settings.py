"""What a user can adjust about what is sent to a host, every key checked."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Annotated

import msgspec

from device_runtime.delivery.destination import (
    Destination,
    HttpDestination,
    MqttDestination,
    WebhookDestination,
    parse_destination,
)
from device_runtime.errors import FatalError
from device_runtime.schema import Strict

_TOPIC = re.compile(r"[^+#\x00-\x1f/][^+#\x00-\x1f]{0,127}")
"""Without the wildcards of MQTT."""


class DeliverySettings(Strict, frozen=True, kw_only=True):
    """Where events and reports are sent, and where they wait until they have arrived.

    Attributes:
        events: destination of events, as text.
        report: of the report at the end of a run, and of health reports.
        crops: events take a picture of their plate along, wherever they go.
        spool: folder of the spools, one for each destination.
        spool_mib: bound of each one.

    Raises:
        ValueError: a destination is none.
    """

    events: str | None = None
    report: str | None = None
    crops: bool = False
    spool: Path | None = None
    spool_mib: Annotated[int, msgspec.Meta(ge=1, le=1 << 20)] = 16

    def __post_init__(self) -> None:
        for key, text in (("events", self.events), ("report", self.report)):
            try:
                destination_of(text)
            except FatalError as error:
                raise ValueError(f"{key}: {error.what} {error.why}; {error.todo}") from None


class WebhookSettings(Strict, frozen=True, kw_only=True):
    """Events to a web address, each in a request of its own; see `webhook`.

    Attributes:
        url: where to; None: nowhere. The secret comes from `LPR_WEBHOOK_SECRET` or a file.

    Raises:
        ValueError: it is no web address.
    """

    url: str | None = None

    def __post_init__(self) -> None:
        try:
            _ = self.destination
        except FatalError as error:
            raise ValueError(f"url: {error.what} {error.why}; {error.todo}") from None

    @property
    def destination(self) -> WebhookDestination | None:
        """What it names.

        Raises:
            FatalError: it is no web address.
        """
        if self.url is None:
            return None
        address = parse_destination(self.url) if self.url.startswith(("http:", "https:")) else None
        if not isinstance(address, HttpDestination):
            raise FatalError("it", "is no web address", "give https://HOST/PATH")
        return WebhookDestination(address)


class MqttSettings(Strict, frozen=True, kw_only=True):
    """Events to an MQTT broker; see `mqtt`.

    Attributes:
        host: of the broker; None: no broker.
        port: 1883, or 8883 with TLS, where None.
        tls: encrypt, and check the broker's certificate.
        ca: file of the certificates that are trusted; the system's where None.
        username: the password comes from `LPR_MQTT_PASSWORD` or a file.
        topic: what all topics begin with.
        node: name of this board; its host name where None.
        discovery: tell Home Assistant.
        discovery_prefix: what its topics begin with.
        reports: publish reports and health reports, too.

    Raises:
        ValueError: a name, address or topic is none.
    """

    host: str | None = None
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    tls: bool = False
    ca: Path | None = None
    username: str | None = None
    topic: str = "lpr"
    node: str | None = None
    discovery: bool = True
    discovery_prefix: str = "homeassistant"
    reports: bool = False

    def __post_init__(self) -> None:
        # Colons stand in IPv6 addresses, which have several.
        if self.host is not None and (
            not re.fullmatch(r"[0-9A-Za-z._:-]+", self.host) or self.host.count(":") == 1
        ):
            # Not repeated: it may be an address with a password.
            raise ValueError("host: is no broker's name or address alone; port and user have own keys")
        if self.node is not None and not re.fullmatch("[0-9A-Za-z_-]{1,64}", self.node):
            raise ValueError(f"node: {self.node!r} is not 1 to 64 letters, digits, - and _")
        for key, topic in (("topic", self.topic), ("discovery_prefix", self.discovery_prefix)):
            if not _TOPIC.fullmatch(topic):
                why = "is no topic: 1 to 128 characters without + and #, no / at its beginning"
                raise ValueError(f"{key}: {topic!r} {why}")

    @property
    def destination(self) -> MqttDestination | None:
        """What they name."""
        if self.host is None:
            return None
        return MqttDestination(
            host=self.host,
            port=self.port or (8883 if self.tls else 1883),
            tls=self.tls,
            ca=self.ca,
            username=self.username,
            topic=self.topic,
            node=self.node or "lpr-" + re.sub("[^0-9A-Za-z_-]", "-", socket.gethostname())[:58],
            discovery=self.discovery_prefix if self.discovery else None,
            reports=self.reports,
        )


def destination_of(text: str | None) -> Destination | None:
    """What *text* names, if there is any.

    Raises:
        FatalError: it is no destination.
    """
    return None if text is None else parse_destination(text)
