from __future__ import annotations

import json
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from device_runtime.schema import Format, Strict, Tolerant, encode


class Engine(Strict, frozen=True, kw_only=True):
    name: str
    cores: tuple[int, ...] = ()


class Measured(Tolerant, frozen=True, kw_only=True):
    ms: float


class File(Strict, frozen=True, kw_only=True):
    schema_version: int = 3
    engine: Engine
    measured: dict[str, Measured]


FILE: Format[File] = Format(schema=File, what="a file", version=3, todo="write it again", outdated="update")
EXAMPLE = File(engine=Engine(name="京", cores=(1, 2)), measured={"a": Measured(ms=0.5)})


def refusal(data: bytes) -> str:
    with pytest.raises(FatalError) as caught:
        FILE.decode(data, "x.json")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_are_indented_utf8_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.json"
    FILE.write(path, EXAMPLE)
    assert path.read_text(encoding="utf-8").startswith(
        '{\n  "schema_version": 3,\n  "engine": {\n    "name": "京"'
    )
    assert path.read_bytes().endswith(b"}\n")
    assert FILE.read(path) == EXAMPLE
    assert encode(EXAMPLE) == path.read_bytes()


@pytest.mark.parametrize(
    ("keys", "new", "said"),
    [
        (("engine", "name"), 5, "x.json: engine.name: Expected `str`, got `int`, value 5 – write it again"),
        (("engine", "cores"), [1, "b"], "x.json: engine.cores[1]: Expected `int`, got `str`, value 'b' – "),
        (("measured", "a", "ms"), None, "x.json: measured[...].ms: Expected `float`, got `null`, value None"),
        (("engine",), {}, "x.json: engine: Object missing required field `name` – "),
        (("engine", "threads"), 1, "x.json: engine: Object contains unknown field `threads` – "),
        (("threads",), 1, "x.json: Object contains unknown field `threads` – "),
        (("schema_version",), 4, "x.json: is not a file of version 3 (schema_version is 4) – update"),
        (("schema_version",), True, "x.json: is not a file of version 3 (schema_version is True) – update"),
        (
            ("schema_version",),
            None,
            "x.json: is not a file of version 3 (schema_version is missing) – ",
        ),
    ],
)
def test_errors_name_the_file_the_key_and_the_value(keys: tuple[str, ...], new: object, said: str) -> None:
    raw = json.loads(encode(EXAMPLE))
    inner = raw
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = new
    assert refusal(json.dumps(raw).encode()).startswith(said)


@pytest.mark.parametrize("data", [b"", b"\xff", b"{", b"[" * 100_000, b"[]", b"null", b"{}"])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    assert refusal(data).startswith("x.json: is not a file")


def test_a_key_of_several_lines_is_refused_in_one() -> None:
    changed = json.loads(encode(EXAMPLE))
    changed["engine"]["a\nb"] = None
    with pytest.raises(FatalError) as refused:
        FILE.decode(json.dumps(changed).encode(), "file.json")
    assert "engine" in str(refused.value) and "\n" not in str(refused.value)


def test_tolerant_records_ignore_what_they_do_not_know() -> None:
    raw = json.loads(encode(EXAMPLE))
    raw["measured"]["a"]["celsius"] = 40
    assert FILE.decode(json.dumps(raw).encode(), "x.json") == EXAMPLE


def test_what_cannot_be_read_or_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"none\.json: cannot be read \(No such file or directory\) – write"):
        FILE.read(tmp_path / "none.json")
    with (tmp_path / "long.json").open("wb") as file:
        file.truncate(1 << 32)
    with pytest.raises(FatalError, match=r"long\.json: is larger than 64 MiB"):
        FILE.read(tmp_path / "long.json")
