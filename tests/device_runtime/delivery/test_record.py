from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from device_runtime.delivery.record import seal, unseal

texts = st.binary(max_size=60).map(lambda text: text.replace(b"\n", b"n"))


@given(st.lists(texts))
def test_sealed_lines_come_back(lines: list[bytes]) -> None:
    assert unseal(b"".join(map(seal, lines))) == (lines, 0, 0)


@given(st.lists(texts, min_size=1), st.data())
def test_a_torn_line_is_told(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(map(seal, lines))
    torn = data.draw(st.integers(1, len(seal(lines[-1])) - 1))
    assert unseal(whole[:-torn]) == (lines[:-1], 1, len(seal(lines[-1])) - torn)


@given(st.lists(texts, min_size=1), st.data())
def test_a_changed_byte_costs_no_other_line(lines: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(lines) - 1))
    sealed = [bytearray(seal(line)) for line in lines]
    sealed[index][data.draw(st.integers(0, len(sealed[index]) - 2))] ^= data.draw(st.integers(1, 255))
    texts, damaged, _ = unseal(b"".join(sealed))
    assert texts == lines[:index] + lines[index + 1 :] and damaged >= 1


def test_any_bytes_are_survived() -> None:
    rng = random.Random(1)
    for _ in range(30_000):
        data = rng.randbytes(rng.randrange(60)) + b"\n" + rng.choice([b"", b"00000000 ", seal(b"a")])
        texts, damaged, torn = unseal(data)
        assert damaged >= 1 and torn <= len(data) and texts in ([], [b"a"])
