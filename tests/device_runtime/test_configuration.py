from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_runtime.configuration import Configuration, Override, configure, read_tables
from device_runtime.errors import FatalError


def written(folder: Path, text: str) -> Path:
    path = folder / "lpr.toml"
    path.write_text(text)
    return path


def test_nothing_is_the_defaults() -> None:
    assert configure() == Configuration()


def test_options_override_the_file_and_paths_start_from_where_they_stand(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [source]
        camera = "0"
        [reader]
        bundle = "bundle"
        threads = 2
        [events]
        delay = "gone"
        allow = ["AB 123"]
        """,
    )
    overrides = (Override("--threads", "reader", "threads", 4), Override("--spool", "delivery", "spool", "s"))
    asked = configure(path, overrides)
    assert (asked.source.camera, asked.reader.bundle, asked.reader.threads) == ("0", tmp_path / "bundle", 4)
    assert (asked.events.delay, asked.events.allow, asked.delivery.spool) == ("gone", ("AB 123",), Path("s"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[reader]\nthread = 2", "[reader]: there is no key thread; is threads meant? – correct it"),
        ("[reader]\nthreads = 0", "[reader]: threads: Expected `int` >= 1, value 0 – correct it"),
        ("[reader]\nbundle = 3", "[reader]: bundle: 3 is no path, value 3 – correct it"),
        ("[readers]", "readers: is no section; is reader meant? – there are [source], [locate],"),
        ("[output]\ncsv = '~nobody-here/x'", "[output]: csv: '~nobody-here/x' is in the home of a user"),
        ("[source]\nrtsp = 'tpc'", "[source]: rtsp: 'tpc' is not 'tcp' or 'udp' – correct it"),
        ("[mqtt]\npassword = 'x'", "[mqtt]: password stands in no settings file – docs/service.md#secrets"),
        ("threads = 2", "threads: stands in no section – put it below one"),
        ("[locate]\nroi = '1,2,3'", "[locate]: roi: '1,2,3' is not X,Y,W,H"),
        ("[delivery]\nevents = 'ftp://x'", "[delivery]: events: ftp:… is no destination; give file:PATH"),
        ("[mqtt]\nhost = 'a b'", "[mqtt]: host: is no broker's name or address alone"),
        ("[mqtt]\nhost = 'mqtt://u:p@h'", "[mqtt]: host: is no broker's name or address alone"),
        (
            "[mqtt]\nhost = 'broker:1883'",
            "[mqtt]: host: is no broker's name or address alone; port and",
        ),
        ("[mqtt]\nnode = 'a b'", "[mqtt]: node: 'a b' is not 1 to 64 letters, digits, - and _"),
        ("[mqtt]\ntopic = '/lpr'", "[mqtt]: topic: '/lpr' is no topic: 1 to 128 characters without + and #"),
        ("[events]\npattern = '('", "[events]: pattern is no regular expression"),
        ("[events", "is no TOML file: Expected ']'"),
        ("[events]\ndelay = 1\ndelay = 2", "is no TOML file: Cannot overwrite a value"),
    ],
)
def test_every_key_is_checked_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FatalError) as caught:
        configure(written(tmp_path, text))
    start, _, rest = str(caught.value).partition(f"{tmp_path / 'lpr.toml'}: ")
    assert not start and rest.startswith(said)


def test_an_option_is_named_where_it_is_wrong() -> None:
    with pytest.raises(FatalError, match=r"^--events: events: 'nowhere'.* – see lpr-run --help$"):
        configure(overrides=[Override("--events", "delivery", "events", "nowhere")])


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="cannot be read"):
        read_tables(tmp_path / "none.toml")
    with pytest.raises(FatalError, match="is no TOML file"):
        (tmp_path / "x").write_bytes(b"\xff\xfe")
        read_tables(tmp_path / "x")
    with pytest.raises(FatalError, match="larger than 1 MiB"):
        (tmp_path / "x").write_bytes(b"#" * (1 << 20) + b"#")
        read_tables(tmp_path / "x")


def test_lists_of_plates_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "allow.txt").write_text("\ufeffAB 123 # mine\n\n# nobody\n粤B12345\n", encoding="utf-8")
    path = written(tmp_path, "[events]\nallow = ['X1']\nallow_file = 'allow.txt'\nlist_distance = 1")
    events = configure(path).events.with_files()
    assert events.allow == ("X1", "AB 123", "粤B12345") and events.list_distance == 1
    assert events.with_files() == events
    for text, why in (
        ("# none", "holds no plate"),
        ("A\n" * 10_001, "holds more than"),
        ("--", "without a letter"),
    ):
        (tmp_path / "allow.txt").write_text(text)
        with pytest.raises(FatalError, match=why):
            configure(written(tmp_path, "[events]\nallow_file = 'allow.txt'")).events.with_files()


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(Configuration.__struct_fields__), st.data())
def test_any_value_is_taken_or_refused_in_a_line(section: str, data: st.DataObject) -> None:
    keys = type(getattr(Configuration(), section)).__struct_fields__
    override = Override("--x", section, data.draw(st.sampled_from(keys)), data.draw(VALUES))
    try:
        assert isinstance(configure(overrides=[override]), Configuration)
    except FatalError as error:
        assert "\n" not in str(error)
