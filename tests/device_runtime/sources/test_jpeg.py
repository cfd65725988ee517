from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_runtime.sources import jpeg
from device_runtime.sources.jpeg import JpegSplitter, decode_jpeg
from tests.device_runtime.sources.cameras import jpeg as picture
from tests.device_runtime.sources.cameras import number_of


def with_thumbnail(number: int) -> bytes:
    """A picture that holds another one, as those of photo cameras do."""
    inner = picture(0)
    whole = picture(number)
    return whole[:2] + b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner + whole[2:]


def numbers(pictures: list[bytes]) -> list[int]:
    images = [decode_jpeg(one) for one in pictures]
    return [number_of(image) for image in images if image is not None]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 700), max_size=30), st.binary(max_size=40), st.booleans())
def test_pictures_are_found_however_they_arrive(sizes: list[int], between: bytes, padded: bool) -> None:
    between = between.replace(b"\xff", b"\0")
    one = b"\r\n--edge\r\n" + between
    data = b"".join(one + made + bytes(7 * padded) for made in (picture(1), with_thumbnail(2), picture(3)))
    splitter = JpegSplitter()
    found: list[bytes] = []
    for size in sizes:
        found += splitter.feed(data[:size])
        data = data[size:]
    found += splitter.feed(data)
    assert numbers(found) == [1, 2, 3]
    assert found[0] == picture(1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([b"\xff\xd8\xff", b"\xff\xd9", b"\xff"]))))
def test_noise_does_no_harm_and_is_let_go(noise: list[bytes]) -> None:
    splitter = JpegSplitter()
    for part in noise:
        splitter.feed(part)
    # What has begun as a picture may swallow the next one, never the one after that is whole again.
    later = splitter.feed(b"\xff\xd9" + picture(5) + picture(6) * 80)
    assert 6 in numbers(later[-2:])


def test_a_picture_that_breaks_off_is_left_out() -> None:
    whole = picture(1)
    splitter = JpegSplitter()
    found = splitter.feed(whole[: len(whole) // 2] + picture(2) + picture(3))
    assert numbers(found) == [2, 3]
    assert splitter.skipped > 0


def test_a_picture_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg, "MAX_PICTURE", 10_000)
    splitter = JpegSplitter()
    start = picture(1)[:-2]
    for _ in range(20):
        assert splitter.feed(bytes(1000) if splitter.within else start) == []
    assert splitter.skipped >= 2
    assert numbers(splitter.feed(picture(2))) == [2]


def test_what_is_no_picture_has_no_pixels() -> None:
    assert decode_jpeg(b"") is None
    assert decode_jpeg(b"\xff\xd8\xff\xe0nonsense") is None
    grey = cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))[1].tobytes()
    image = decode_jpeg(grey)
    assert image is not None and image.shape == (8, 8, 3)
