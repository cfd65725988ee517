from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from device_runtime.delivery.wire import (
    MAX_PAYLOAD,
    OVERHEAD,
    Decoder,
    Frame,
    Kind,
    decode,
    decode_acknowledgement,
    encode,
    encode_acknowledgement,
)

frames = st.builds(
    Frame,
    st.sampled_from([int(kind) for kind in Kind]),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, (1 << 32) - 1),
    st.binary(max_size=MAX_PAYLOAD),
)


def random_frame(rng: random.Random) -> Frame:
    payload = rng.randbytes(rng.randrange(MAX_PAYLOAD + 1))
    return Frame(rng.choice(list(Kind)), rng.getrandbits(32), rng.getrandbits(32), payload)


def test_the_layout_is_as_drawn() -> None:
    data = encode(Frame(Kind.DATA, 0x01020304, 0x0A0B0C0D, b"hi"))
    # The last four computed bit by bit, without zlib.
    assert data.hex(" ") == "a5 5a 12 02 01 02 03 04 0a 0b 0c 0d 68 69 75 61 6a 4a"


@given(st.lists(frames, max_size=5), st.integers(1, 50))
def test_frames_come_back_however_they_are_cut(sent: list[Frame], size: int) -> None:
    data = b"".join(encode(frame) for frame in sent)
    decoder = Decoder()
    came = [frame for at in range(0, len(data), size) for frame in decoder.feed(data[at : at + size])]
    assert came == sent and decoder.noise == 0


@given(frames, st.binary(max_size=40), st.binary(max_size=40))
def test_noise_around_a_frame_is_passed_over(frame: Frame, before: bytes, after: bytes) -> None:
    # Behind noise that looks like the beginning of a frame, others show that it is none.
    data = before + encode(frame) + after + bytes(MAX_PAYLOAD + OVERHEAD)
    assert frame in decode(data)[0]


@given(frames, st.data())
def test_a_changed_frame_is_none(frame: Frame, data: st.DataObject) -> None:
    encoded = bytearray(encode(frame))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    assert decode(bytes(encoded))[0] == []


def test_a_damaged_length_costs_only_its_own_frame() -> None:
    rng = random.Random(1)
    sent = [random_frame(rng) for _ in range(20)]
    encoded = [bytearray(encode(frame)) for frame in sent]
    encoded[3][3] ^= 0x55
    came = Decoder().feed(b"".join(encoded))
    assert came == sent[:3] + sent[4:]


@given(st.integers(0, 1 << 30), st.integers(0, 1 << 20), st.lists(st.integers(1, 2000), max_size=30))
def test_acknowledgements_come_back(stored: int, more: int, steps: list[int]) -> None:
    received, at, edges = stored + more, stored + more, []
    for step in steps[: len(steps) // 2 * 2]:
        at += step
        edges.append(at)
    ranges = list(zip(edges[::2], edges[1::2], strict=True))
    (frame,), _ = decode(encode_acknowledgement(7, received, stored, ranges))
    assert (frame.kind, frame.session, frame.offset) == (Kind.ACK, 7, received)
    told = decode_acknowledgement(frame)
    assert told is not None and told.stored == stored
    if len(ranges) < 8:
        assert list(told.ranges) == ranges and told.untold == (0, 0)
    else:
        assert list(told.ranges) == ranges[:4] + ranges[-4:] and told.untold == (ranges[3][1], ranges[-4][0])


def test_any_bytes_are_survived() -> None:
    """60,000 pieces of noise, of which some are nearly frames."""
    rng = random.Random(2)
    decoder = Decoder()
    seeds = [encode(random_frame(rng)) for _ in range(50)]
    fed = came = 0
    for index in range(60_000):
        if index % 3:
            piece = rng.randbytes(rng.randrange(40))
        else:
            whole = bytearray(rng.choice(seeds))
            whole[rng.randrange(len(whole))] = rng.randrange(256)
            piece = bytes(whole[: rng.randrange(len(whole) + 1)])
        fed += len(piece)
        for frame in decoder.feed(piece):
            came += OVERHEAD + len(frame.payload)
            if frame.kind == Kind.ACK:
                decode_acknowledgement(frame)
    assert fed - 2 * (MAX_PAYLOAD + OVERHEAD) < decoder.noise + came <= fed


def test_any_payload_of_an_acknowledgement_is_survived() -> None:
    rng = random.Random(3)
    for _ in range(20_000):
        told = decode_acknowledgement(
            Frame(Kind.ACK, 0, rng.getrandbits(32), rng.randbytes(rng.randrange(64)))
        )
        assert told is None or told.stored >= 0
