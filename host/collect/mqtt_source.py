"""Which broker to ask, and for what: `mqtt[s]://[USER@]HOST[:PORT][/PREFIX]`."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from device_runtime.delivery.mqtt import PASSWORD
from device_runtime.errors import FatalError

_TODO = "give mqtt[s]://[USER@]HOST[:PORT][/PREFIX]"


@dataclass(frozen=True, kw_only=True)
class MqttSource:
    """A broker, and what to ask it for.

    Attributes:
        prefix: what topics begin with.
        group: collectors that share the work.
        client: this collector's name with the broker, no other's.
        ca: file of the certificates that are trusted; the system's where None.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    prefix: str = "lpr"
    group: str = "lpr-host"
    client: str = "lpr-host"
    ca: Path | None = None

    def __str__(self) -> str:
        return f"mqtt{'s' if self.tls else ''}://{self.host}:{self.port}/{self.prefix}"


def parse_mqtt(text: str) -> MqttSource:
    """What `mqtt[s]://[USER@]HOST[:PORT][/PREFIX][?client=…&group=…&ca=…]` names.

    Raises:
        FatalError: it names no broker, or holds a password. The message never repeats one.
    """
    try:
        url = urlsplit(text)
        port, options = url.port, dict(parse_qsl(url.query, strict_parsing=bool(url.query)))
    except ValueError:
        raise FatalError("--mqtt …", "is no address", _TODO) from None
    if url.password is not None:
        todo = f"put it into a file and name that with {PASSWORD}_FILE"
        raise FatalError("--mqtt …", "holds a password, which other users see", todo)
    if url.scheme not in ("mqtt", "mqtts") or not url.hostname or url.fragment or text.endswith("#"):
        raise FatalError("--mqtt …", "is no mqtt:// or mqtts:// with a host", _TODO)
    prefix = unquote(url.path.strip("/")) or "lpr"
    if unknown := [key for key in options if key not in ("client", "group", "ca")]:
        raise FatalError(f"--mqtt …?{unknown[0]}=", "is unknown", "give client, group or ca")
    name = re.sub("[^0-9A-Za-z_-]", "-", socket.gethostname())
    words = {
        "client": options.get("client", f"lpr-host-{name}"),
        "group": options.get("group", "lpr-host"),
    }
    for key, word in (("the prefix", prefix), *words.items()):
        if not re.fullmatch(r"[^+#\x00-\x1f$/][^+#\x00-\x1f]{0,127}", word) or (
            key != "the prefix" and "/" in word
        ):
            raise FatalError(f"--mqtt {key} {word!r}", "cannot stand in a topic", _TODO)
    return MqttSource(
        host=url.hostname,
        port=port or (8883 if url.scheme == "mqtts" else 1883),
        tls=url.scheme == "mqtts",
        username=unquote(url.username) if url.username else None,
        prefix=prefix,
        ca=Path(options["ca"]) if "ca" in options else None,
        **words,
    )
