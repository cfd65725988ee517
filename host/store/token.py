"""Tokens that boards show: made at random, kept as hashes, compared in constant time.

    lpr1.NAME.SECRET      NAME: 12 characters, by which the row is found; SECRET: 43, 256 random bits

Kept is SHA-256 of SECRET. Slow hashes such as Argon2 are for passwords, of which a thief can try the likely
ones; of 2²⁵⁶ random secrets none is likely, so that a fast hash is as safe, and a collector that is sent
wrong tokens loses microseconds with each, not a tenth of a second.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

PREFIX = "lpr1"


@dataclass(frozen=True, kw_only=True)
class Token:
    """A new token.

    Attributes:
        name: public.
        text: what the board shows; known to nobody else.
        hash: what is kept.
    """

    name: str
    text: str = field(repr=False)
    hash: bytes


def new_token() -> Token:
    """One that nobody has had before."""
    name, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return Token(name=name, text=f"{PREFIX}.{name}.{secret}", hash=_hash(secret))


def name_of(text: str) -> str | None:
    """The public part of a token, by which its hash is found; None where *text* is none."""
    parts = text.split(".")
    if len(parts) != 3 or parts[0] != PREFIX or not (parts[1].isascii() and parts[1].isalnum()):
        return None
    return parts[1]


def matches(text: str, kept: bytes | None) -> bool:
    """Whether the token *text* has the hash *kept*; takes the same time for None, and says no."""
    secret = text.rpartition(".")[2]
    same = hmac.compare_digest(_hash(secret), kept or bytes(32))
    return same and kept is not None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
