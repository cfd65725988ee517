"""The password for the pages: kept as a hash alone, and the sessions that come of it.

    scrypt$16384$8$5$SALT$HASH      salt and hash in base64

scrypt is RFC 7914's, with the cost that OWASP's Password Storage Cheat Sheet names for 16 MiB.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from device_runtime.secret import read_secret

PASSWORD = "LPR_COLLECT_PASSWORD"
"""Environment variable with the password, as of `read_secret`."""

SESSION_S = 12 * 3600
"""How long somebody stays logged in."""

LEAST = 12
"""Characters of a password that a user chooses."""

_N, _R, _P = 1 << 14, 8, 5
_MOST_MEMORY = 64 << 20
_TIME = struct.Struct(">Q")
_NONCE_BYTES = 16
_TOLD_BYTES = _TIME.size + _NONCE_BYTES


@dataclass(frozen=True)
class Password:
    """A hashed password.

    Attributes:
        line: as in the drawing above.
    """

    line: str

    def matches(self, text: str) -> bool:
        """Whether *text* is the password; takes a tenth of a second and 16 MiB."""
        _, n, r, p, salt, expected = self.line.split("$")
        made = _scrypt(text, base64.b64decode(salt), int(n), int(r), int(p))
        return hmac.compare_digest(made, base64.b64decode(expected))


class Sessions:
    """Cookies that say who has given the password, signed, so that nothing of them is kept.

    Args:
        secret: known to all collectors of a fleet, and to nobody else.
        password: another one ends all sessions.
    """

    def __init__(self, secret: bytes, password: Password) -> None:
        self._key = hmac.digest(secret, password.line.encode(), "sha256")

    def new(self, now: float) -> str:
        """A cookie that is good for `SESSION_S` from *now*, seconds since 1970."""
        told = _TIME.pack(int(now) + SESSION_S) + secrets.token_bytes(_NONCE_BYTES)
        return base64.urlsafe_b64encode(told + self._sign(told)).decode().rstrip("=")

    def knows(self, cookie: str, now: float) -> bool:
        """Whether *cookie* is one of `new`, and *now* before its end."""
        try:
            data = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
        except (binascii.Error, ValueError):
            return False
        told, signature = data[:_TOLD_BYTES], data[_TOLD_BYTES:]
        if len(told) < _TOLD_BYTES or not hmac.compare_digest(signature, self._sign(told)):
            return False
        return now < _TIME.unpack_from(told)[0]

    def _sign(self, told: bytes) -> bytes:
        return hmac.digest(self._key, told, "sha256")


def hashed(text: str, salt: bytes | None = None) -> Password:
    """The hash of the password *text*."""
    salt = secrets.token_bytes(16) if salt is None else salt
    made = _scrypt(text, salt, _N, _R, _P)
    parts = ("scrypt", str(_N), str(_R), str(_P), *(base64.b64encode(b).decode() for b in (salt, made)))
    return Password("$".join(parts))


def _scrypt(text: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    data = text.encode("utf-8", errors="surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=n, r=r, p=p, maxmem=_MOST_MEMORY, dklen=32)


def new_text() -> str:
    """A password that nobody guesses: 100 random bits, in groups that can be typed."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def open_password(file: Path | None, environment: Mapping[str, str] = os.environ) -> tuple[Password, str]:
    """The password for the pages, and its text where it was made just now, else "".

    It is that of `LPR_COLLECT_PASSWORD`; else the one whose hash stands in *file*, which is made, with a new
    password, where there is none; else a new one for this run.

    Raises:
        FatalError: the password is too short, or the file cannot be read, holds no hash or cannot be written.
    """
    found = read_secret(PASSWORD, environment)
    if found is not None:
        text, source = found
        if len(text) < LEAST:
            raise FatalError(source, f"is shorter than {LEAST} characters", "choose a longer password")
        # The same on every collector, so that they know each other's sessions. It is never written.
        return hashed(text, hashlib.sha256(b"lpr-host salt\0" + text.encode()).digest()[:16]), ""
    if file is not None and file.exists():
        return _read(file), ""
    text = new_text()
    made = hashed(text)
    if file is not None:
        write_atomic(file, made.line.encode() + b"\n", mode=0o600)
    return made, text


_B64 = "[0-9A-Za-z+/]+={0,2}"
_LINE = re.compile(rf"scrypt\$[0-9]{{1,7}}\$[0-9]{{1,3}}\$[0-9]{{1,3}}\${_B64}\${_B64}")


def _read(file: Path) -> Password:
    todo = "remove it, and start again for a new password"
    try:
        line = file.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise FatalError(str(file), f"cannot be read ({error.strerror})", "name a file of hashes") from None
    password = Password(line)
    try:
        if not _LINE.fullmatch(line):
            raise ValueError
        n, r, p = map(int, line.split("$")[1:4])
        # RFC 7914, 2: N is a power of two.
        if n < 2 or n & (n - 1) or not r * p or 128 * r * (n + p) > _MOST_MEMORY:
            raise ValueError
    except ValueError:
        raise FatalError(str(file), "holds no hash of a password", todo) from None
    return password
