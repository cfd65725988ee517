"""A client that says exactly what it is told to."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from device_runtime.service.address import Address

TOKEN = "0123456789abcdef-secret"


@dataclass(frozen=True)
class Answer:
    """Status, headers by their names in lower case, and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def connect(address: Address) -> socket.socket:
    """A connection that waits 10 s at most."""
    return socket.create_connection((address.host, address.port), 10)


def ask(
    address: Address,
    path: str = "/",
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Answer:
    """Send a request and take the whole answer."""
    fields = {"Host": f"localhost:{address.port}", **(headers or {})}
    if body:
        fields.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    with connect(address) as connection:
        # It may be refused before it was all sent; the answer says why.
        with suppress(OSError):
            connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return parse(received(connection))


def received(connection: socket.socket) -> bytes:
    """All that comes until the other end hangs up."""
    pieces = []
    try:
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def parse(data: bytes) -> Answer:
    """The answer in *data*."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)
