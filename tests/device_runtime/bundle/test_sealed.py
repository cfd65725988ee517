from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from device_runtime.bundle.sealed import sealed


def test_a_copy_cannot_be_changed() -> None:
    data = b"code" * 1000
    path = sealed("model.so", data, hashlib.sha256(data).hexdigest())
    assert path.read_bytes() == data
    for mode in ("r+b", "wb", "ab"):
        with pytest.raises(PermissionError), path.open(mode) as file:
            file.write(b"x")
            file.flush()
    assert path.read_bytes() == data


def test_the_same_bytes_are_one_copy() -> None:
    first, second = (hashlib.sha256(data).hexdigest() for data in (b"1", b"2"))
    assert sealed("a.so", b"1", first) == sealed("b.so", b"1", first) != sealed("a.so", b"2", second)
    assert sealed("a.so", b"1", first).read_bytes() == b"1"


def test_names_of_any_length_are_taken() -> None:
    name = "ü" * 120 + ".so"
    assert sealed(name, b"3", hashlib.sha256(b"3").hexdigest()) != Path()
