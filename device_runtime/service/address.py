"""Where a small web server listens, and who may ask it."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from device_runtime.errors import FatalError
from device_runtime.secret import read_token

LEAST_TOKEN = 16
"""Characters; what others on a network may guess at has to be longer than a word."""


@dataclass(frozen=True)
class Address:
    """A host, IPv6 without brackets, and a port; 0 takes any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this board reach it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether *host*, a name or an address, means this board itself and nothing else."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_address(text: str) -> Address:
    """The address of *text*: PORT, :PORT or HOST:PORT; this board's own, 127.0.0.1, where no host is given.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]*):)?(?P<port>[0-9]{1,5})", text)
    if found is None or int(found["port"]) > 65535:
        raise ValueError(f"{text!r} is not [HOST:]PORT")
    return Address((found["host"] or "").strip("[]") or "127.0.0.1", int(found["port"]))


def token_for(
    address: Address, option: str, name: str, environment: Mapping[str, str] = os.environ
) -> str | None:
    """The token that whoever asks has to bring; None where everybody on this board may ask.

    Args:
        address: where the server listens.
        option: to name in an error.
        name: environment variable of the secret, see `read_secret`.

    Raises:
        FatalError: others than this board can reach *address* and there is no token; or it is too short, or
            cannot be read.
    """
    token = read_token(environment, name)
    if token is None and not address.is_loopback:
        raise FatalError(
            f"{option} {address}",
            "can be reached from other computers and has no token",
            f"put one into a file and name it with {name}_FILE, or leave the host out",
        )
    if token is not None and len(token) < LEAST_TOKEN:
        raise FatalError(
            name, f"is shorter than {LEAST_TOKEN} characters", "make one with: openssl rand -hex 16"
        )
    return token
