from __future__ import annotations

import msgspec
import pytest
import tomllib

from device_runtime.errors import FatalError
from device_runtime.schema import from_table
from device_runtime.sources.settings import SourceSettings, parse_size


def test_every_key() -> None:
    table = tomllib.loads(
        "camera = '0'\nsize = [1280, 720]\nfps = 10\npixel_format = 'YUYV'\ntimeout = 8.5\n"
        "every_frame = true\nrtsp = 'udp'\ntls_verify = false"
    )
    settings = from_table(SourceSettings, table, "lpr.toml: [source]", todo="correct it")
    assert settings == SourceSettings(
        camera="0",
        size=(1280, 720), fps=10.0, pixel_format="YUYV", timeout=8.5, every_frame=True, rtsp="udp",
        tls_verify=False,
    )  # fmt: skip
    assert set(table) == set(SourceSettings.__struct_fields__)
    assert msgspec.convert({}, SourceSettings) == SourceSettings()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"sise": [1, 2]}, "no key sise; is size meant?"),
        ({"size": [1, 2, 3]}, "size: "),
        ({"size": [8, 720]}, "size[0]: Expected `int` >= 16"),
        ({"size": "720p"}, "size: "),
        ({"fps": 0}, "fps: Expected `float` > 0"),
        ({"fps": float("nan")}, "fps: "),
        ({"pixel_format": "H264"}, "pixel_format is none of MJPG"),
        ({"timeout": 0.1}, "timeout: "),
        ({"timeout": True}, "timeout: "),
        ({"rtsp": "http"}, "rtsp: "),
        ({"every_frame": 1}, "every_frame: "),
        ([], "Expected `object`"),
    ],
)
def test_what_is_not_allowed(table: object, said: str) -> None:
    with pytest.raises(FatalError) as caught:
        from_table(SourceSettings, table, "lpr.toml: [source]", todo="correct it")
    assert str(caught.value).startswith("lpr.toml: [source]: ") and said in str(caught.value)


def test_sizes() -> None:
    assert parse_size("1280x720") == parse_size(" 1280X720") == parse_size("1280×720") == (1280, 720)
    for wrong in ("", "1280", "1280x", "0x0", "8x8", "99999x9", "-1x2", "1x2x3"):
        with pytest.raises(ValueError, match="is not WIDTHxHEIGHT"):
            parse_size(wrong)
