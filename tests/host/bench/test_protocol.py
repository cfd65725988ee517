from __future__ import annotations

from io import BytesIO

import pytest

from host.bench import protocol

REQUESTS = (
    protocol.Convert(
        module="m",
        precision="int8",
        checkpoint="c",
        calibration="i.npy",
        folder="f",
        isa="native",
        target="native",
    ),
    protocol.Load(module="m", precision="int8", folder="f", threads=2),
    protocol.Time("i.npy", 10, 3),
    protocol.Evaluate("i.npy", "o.npy"),
    protocol.Versions(("torch",)),
)
REPLIES = (
    protocol.Done(),
    protocol.Timed((1, 2)),
    protocol.Installed({"torch": "2"}),
    protocol.Failed("why"),
)


def test_messages_arrive_as_they_were_sent_one_after_the_other() -> None:
    stream = BytesIO(b"".join(protocol.frame(protocol.encode(m)) for m in (*REQUESTS, *REPLIES)))
    for request in REQUESTS:
        assert protocol.decode_request(protocol.read_frame(stream) or b"") == request
    for reply in REPLIES:
        assert protocol.decode_reply(protocol.read_frame(stream) or b"") == reply
    assert protocol.read_frame(stream) is None


@pytest.mark.parametrize("kept", [0, 7, 8, 9])
def test_a_stream_that_breaks_off_is_at_its_end(kept: int) -> None:
    assert protocol.read_frame(BytesIO(protocol.frame(b"message")[:kept])) is None
