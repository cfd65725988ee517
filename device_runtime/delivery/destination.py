"""Where reports and events go: `file:PATH`, `serial:PORT@BAUD`, `http(s)://HOST/PATH`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from device_runtime.errors import FatalError
from device_runtime.secret import TOKEN

DEFAULT_BAUD = 115_200
_BAUDS = range(300, 4_000_001)

_TODO = "give file:PATH, serial:/dev/PORT@BAUD or https://HOST/PATH"


@dataclass(frozen=True)
class FileDestination:
    """A file."""

    path: Path

    def __str__(self) -> str:
        return f"file:{self.path}"


@dataclass(frozen=True)
class SerialDestination:
    """A serial line: its device and its speed in baud."""

    port: str
    baud: int = DEFAULT_BAUD

    def __str__(self) -> str:
        return f"serial:{self.port}@{self.baud}"


@dataclass(frozen=True)
class HttpDestination:
    """A web address.

    Attributes:
        scheme: "http" or "https".
        host: a name or an IP address, IPv6 without brackets.
        port: 80 or 443 unless told otherwise.
        target: path and query, as the request says it. Text shows no query: it may hold a secret.
    """

    scheme: str
    host: str
    port: int
    target: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.target.partition('?')[0]}"


@dataclass(frozen=True)
class WebhookDestination:
    """A web address that takes one event a request.

    Attributes:
        address: where.
    """

    address: HttpDestination

    def __str__(self) -> str:
        return f"webhook {self.address}"


@dataclass(frozen=True, kw_only=True)
class MqttDestination:
    """An MQTT broker.

    Attributes:
        host, port: of the broker.
        tls: whether the connection is encrypted, and the broker has to prove who it is.
        ca: file of the certificates that are trusted; the system's where None.
        username: with the broker.
        topic: what all topics begin with.
        node: name of this board: client id, and Home Assistant's device.
        discovery: what Home Assistant's discovery topics begin with; None: it is not told.
        reports: take reports and health reports, too.
    """

    host: str
    port: int
    tls: bool = False
    ca: Path | None = None
    username: str | None = None
    topic: str = "lpr"
    node: str = "lpr"
    discovery: str | None = "homeassistant"
    # A spool's folder is named after the text of its destination: this is no other destination.
    reports: bool = field(default=False, repr=False)

    def __str__(self) -> str:
        return f"mqtt{'s' if self.tls else ''}://{self.host}:{self.port}/{self.topic}"


Destination = FileDestination | SerialDestination | HttpDestination | WebhookDestination | MqttDestination


def parse_destination(text: str) -> Destination:
    """The destination that *text* names.

    Raises:
        FatalError: it names none. The message never repeats what may be a password.
    """
    scheme, _, rest = text.partition(":")
    if not text.isprintable():
        raise FatalError("destination", "holds characters that cannot be printed", _TODO)
    if scheme == "file" and rest:
        return FileDestination(Path(rest))
    if scheme == "serial":
        return _serial(rest)
    if scheme in ("http", "https"):
        return _http(scheme, text)
    # What follows a colon may be a user's name and password.
    raise FatalError(f"{scheme[:40]}:…" if _ else repr(scheme[:40]), "is no destination", _TODO)


def _serial(rest: str) -> SerialDestination:
    port, at, baud = rest.rpartition("@")
    if not at:
        port, baud = rest, str(DEFAULT_BAUD)
    if not port.startswith("/"):
        raise FatalError(f"serial:{rest}", "does not begin with the path of a port", _TODO)
    if not re.fullmatch("[0-9]{1,7}", baud) or int(baud) not in _BAUDS:
        why = f"{baud!r} is no speed from {_BAUDS[0]} to {_BAUDS[-1]} baud"
        raise FatalError(f"serial:{rest}", why, "give serial:/dev/PORT@BAUD")
    return SerialDestination(port, int(baud))


def _http(scheme: str, text: str) -> HttpDestination:
    todo = f"give {scheme}://HOST/PATH"
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise FatalError(f"{scheme}://…", "is no web address", todo) from None
    if url.username is not None or url.password is not None:
        secret = f"put a bearer token into a file and name it with {TOKEN}_FILE"
        raise FatalError(f"{scheme}://…@…", "holds a user's name or password", f"leave it out; {secret}")
    if not host or not re.fullmatch(r"[0-9A-Za-z._:-]+", host) or port == 0:
        raise FatalError(f"{scheme}://…", "has no host's name that can be looked up", todo)
    if url.fragment:
        raise FatalError(f"{scheme}://{host}/…#…", "has a fragment", "leave out what follows the #")
    # As it is where it is quoted already.
    target = quote(url.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if url.query:
        target += "?" + quote(url.query, safe="/%:@!$&'()*+,;=~-._?")
    return HttpDestination(scheme, host, port or (443 if scheme == "https" else 80), target)
