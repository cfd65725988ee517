"""Quantized networks kept from one build to the next: what is computed does not depend on the board.

A build for another board of the same arithmetic, or again for this one, takes them from `.cache/quantized`.
"""

from __future__ import annotations

import hashlib
import pickle
import platform
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch

from device_runtime.board.cpu import detect
from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from host.cache import digest_of
from host.paths import CACHE, REPOSITORY

FOLDER = CACHE / "quantized"
MOST = 24
"""Files kept, of 1–3 MB; the one that was not used for longest goes first."""
ROOMS = tuple(
    REPOSITORY / room
    for room in (
        "host/quantize",
        "host/network",
        "lprnet",
        # Rendered scenes show plates of these countries.
        "device_runtime/countries",
        "device_runtime/locate",
        "device_runtime/read",
    )
)

T = TypeVar("T")


def kept(compute: Callable[[], T], *parts: str, folder: Path | None = FOLDER) -> T:
    """What *compute* gives, or gave in another build with the same *parts*.

    Args:
        parts: what it depends on, besides the code, the libraries and this machine's instruction set.
        folder: of the files; None keeps nothing.
    """
    if folder is None:
        return compute()
    key = hashlib.sha256("\0".join([*_surroundings(), *parts]).encode()).hexdigest()
    file = folder / f"{key[:24]}.pickle"
    with suppress(OSError):
        seal, _, content = file.read_bytes().partition(b"\n")
        # A file that was damaged is made anew, like one that is not there.
        if seal == _seal(content):
            file.touch()
            known: T = pickle.loads(content)
            return known
    value = compute()
    # Where it cannot be kept, the next build computes it again.
    with suppress(FatalError, OSError):
        content = pickle.dumps(value)
        write_atomic(file, _seal(content) + b"\n" + content)
        for old in sorted(folder.glob("*.pickle"), key=lambda path: path.stat().st_mtime)[:-MOST]:
            old.unlink(missing_ok=True)
    return value


def _seal(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


@cache
def _surroundings() -> tuple[str, ...]:
    versions = np.__version__, torch.__version__, cv2.__version__, platform.machine()
    return (digest_of(ROOMS), *versions, *sorted(detect().features))
