"""Addresses of streams: what of them may be shown, and where they lead."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

_ADDRESS = re.compile(r"(?s)(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)")
_PLACE = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<host>[^:\[\]]*))(?::(?P<port>\d{0,5}))?")
_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322, "rtmp": 1935}
_SECRET = re.compile(
    r"(?i)([?&;](?:[a-z0-9_.-]*(?:pass|pwd|token|secret|auth|key|user|usr|login|credential|sig)[a-z0-9_.-]*)=)[^&;#]*"
)


@dataclass(frozen=True)
class Address:
    """An address with `://`.

    Attributes:
        url: all of it; never shown.
        scheme: in small letters.
        host: without brackets; empty where there is none.
        port: where the scheme has a usual one, that by default.
        user, password: as they are, not as they are written in an address.
        name: to be shown, without user and password, also those that are parameters.
    """

    url: str = field(repr=False)
    scheme: str
    host: str
    port: int | None
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)
    name: str

    @property
    def plain(self) -> str:
        """The address without user and password, but with all its parameters; not to be shown."""
        found = _ADDRESS.fullmatch(self.url)
        assert found is not None
        return f"{found['scheme']}://{found['authority'].rpartition('@')[2]}{found['rest']}"


def is_address(text: str) -> bool:
    """Whether *text* is meant as one."""
    return "://" in text


def parse_address(text: str) -> Address:
    """The parts of *text*.

    Raises:
        ValueError: it is no address; the message does not repeat it.
    """
    found = _ADDRESS.fullmatch(text.strip())
    if not found or re.search(r"[\s\x00-\x1f\x7f]", found["authority"]):
        raise ValueError("is no address")
    # A password may hold an @ that nobody has escaped.
    login, at, place = found["authority"].rpartition("@")
    if "@" in found["rest"] and not at and re.search(r":.*\D", place):
        # rtsp://user:pa/ss@host/: what follows the slash belongs to the password.
        raise ValueError("has a / in its password; write it as %2F")
    split = _PLACE.fullmatch(place)
    if not split or int(split["port"] or 0) > 65535:
        raise ValueError("names no host and port")
    user, colon, password = login.partition(":")
    scheme = found["scheme"].lower()
    return Address(
        url=text.strip(),
        scheme=scheme,
        host=split["six"] or split["host"] or "",
        port=int(split["port"]) if split["port"] else _PORTS.get(scheme),
        user=unquote(user) if at else None,
        password=unquote(password) if colon else None,
        name=shown(text),
    )


def shown(text: str) -> str:
    """*text*, whatever it is, without the user, password and secret parameters of an address in it."""
    text = text.strip()
    if not is_address(text):
        return text
    scheme, _, rest = text.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority or ":" in authority:
        # Up to the last @, since passwords are not always escaped; rather too little is shown than too much.
        rest = rest.rpartition("@")[2]
    return _SECRET.sub(r"\1…", f"{scheme}://{rest}")
