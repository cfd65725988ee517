"""A host that takes items over HTTP on loopback, and can be told to misbehave."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from device_runtime.delivery.item import Item, decode


class Host(ThreadingHTTPServer):
    """Keeps items by their ids.

    Args:
        keep: else they are only counted.

    Attributes:
        faults: what to do with the next requests: "drop" the connection before reading, "lose" the answer
            after storing, "close" the connection after answering without saying so, "stall" until `released`,
            an HTTP status, a whole answer's body, or "ok".
        keep_alive: what the header of that name says; none where None.
        connections: that were made.
        taken: items that were accepted, by kind.
        items: sequence numbers of what is stored, by id, in order of arrival.
        stored: the items themselves.
        twice: ids that came again.
        requests: their headers and the number of their items.
    """

    daemon_threads = True

    def __init__(self, *, keep: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keep = keep
        self.taken: Counter[str] = Counter()
        self.faults: list[str | int | bytes] = []
        self.keep_alive: str | None = None
        self.connections = 0
        self.items: dict[str, int] = {}
        self.stored: list[Item] = []
        self.twice: list[str] = []
        self.requests: list[tuple[dict[str, str], int]] = []
        self.released = threading.Event()
        self.lock = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients break off here on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Host

    def log_message(self, format: str, *args: object) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_POST(self) -> None:
        host = self.server
        with host.lock:
            fault = host.faults.pop(0) if host.faults else "ok"
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
            return
        if fault == "stall":
            host.released.wait(60)
        items = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["items"]
        if host.keep:
            host.requests.append((dict(self.headers), len(items)))
        if isinstance(fault, int):
            self.answer(fault, b"{}")
            return
        if isinstance(fault, bytes):
            self.answer(200, fault)
            return
        with host.lock:
            for raw in items:
                item = decode(json.dumps(raw).encode(), "posted")
                host.taken[item.kind] += 1
                if not host.keep:
                    continue
                if item.id in host.items:
                    host.twice.append(item.id)
                else:
                    host.items[item.id] = item.sequence
                    host.stored.append(item)
        if fault == "lose":
            self.close_connection = True
            return
        self.answer(200, json.dumps({"accepted": [item["id"] for item in items]}).encode())
        if fault == "close":
            self.close_connection = True

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.server.keep_alive is not None:
            self.send_header("Keep-Alive", self.server.keep_alive)
        if status == 429:
            self.send_header("Retry-After", "7")
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(host: Host) -> Iterator[Host]:
    """Serve until the block ends."""
    # The poll is only for shutting down.
    thread = threading.Thread(target=host.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        host.released.set()
        host.shutdown()
        host.server_close()
