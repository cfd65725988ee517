"""A socket for `http.client` on which no request lasts for ever, however slowly its answer comes."""

from __future__ import annotations

import io
import socket
import ssl
import time
from typing import Any


class TimedSocket:
    """What `http.client` needs of a connected socket.

    Args:
        plain: the socket, of TLS or not.
        timeout_s: for each piece that is sent or received.
    """

    def __init__(self, plain: socket.socket, timeout_s: float) -> None:
        self._plain, self._timeout_s = plain, timeout_s
        self._end = 0.0
        self._unsent: list[bytes] = []

    def begin(self, end: float) -> None:
        """A request begins that may last until *end*, of the monotonic clock."""
        self._end, self._unsent = end, []

    @property
    def is_silent(self) -> bool:
        """Whether the other side has neither closed the connection nor said anything unasked."""
        try:
            self._plain.settimeout(0)
            self._plain.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            pass
        return False

    def sendall(self, data: bytes) -> None:
        """Send *data* once the answer is asked for: head and body go in one packet."""
        self._unsent.append(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """The answer, after all of the request was sent.

        Raises:
            OSError: the connection is broken; a TimeoutError where it lasts too long.
        """
        self.limit()
        self._plain.sendall(b"".join(self._unsent))
        self._unsent = []
        return io.BufferedReader(_Reader(self, self._plain.makefile("rb", buffering=0)))

    def limit(self) -> None:
        """Let the next step last no longer than it may.

        Raises:
            TimeoutError: the time is up.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._plain.settimeout(min(left, self._timeout_s))

    def shutdown(self, how: int) -> None:
        """As of a socket."""
        self._plain.shutdown(how)

    def close(self) -> None:
        """As of a socket: its answer can still be read."""
        self._plain.close()


class _Reader(io.RawIOBase):
    def __init__(self, timed: TimedSocket, raw: io.RawIOBase) -> None:
        self._timed, self._raw = timed, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._timed.limit()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
