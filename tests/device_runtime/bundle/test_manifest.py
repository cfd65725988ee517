from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_runtime.bundle.manifest import Manifest, ScheduleInfo, decode, encode, read_manifest
from device_runtime.errors import FatalError

SAME_FIXTURE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


def change(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """*value* with *new* at *path*; without that key or item where *new* is None."""
    if not path:
        return new
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    if new is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = new
    return value


def decoded_or_fatal(data: bytes) -> Manifest | None:
    try:
        return decode(data, "manifest.json")
    except FatalError as error:
        assert "\n" not in str(error)
        return None


def test_round_trip(manifest: Manifest) -> None:
    data = encode(manifest)
    assert decode(data, "x") == manifest
    assert encode(decode(data, "x")) == data


@SAME_FIXTURE
@given(st.data(), st.none() | values)
def test_any_value_anywhere_is_refused_or_valid(manifest: Manifest, data: st.DataObject, new: Any) -> None:
    raw = json.loads(encode(manifest))
    mutated = change(raw, data.draw(st.sampled_from(places(raw))), new)
    found = decoded_or_fatal(json.dumps(mutated).encode())
    if found is not None:
        assert decode(encode(found), "again") == found


@SAME_FIXTURE
@given(st.integers(0), st.binary(max_size=3), st.integers(0, 3))
def test_any_damaged_bytes_are_refused_or_valid(manifest: Manifest, at: int, new: bytes, cut: int) -> None:
    data = encode(manifest)
    at %= len(data)
    decoded_or_fatal(data[:at] + new + data[at + cut :])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert decoded_or_fatal(data) is None


def test_deep_nesting_is_refused() -> None:
    assert decoded_or_fatal(b"[" * 200_000) is None


def test_an_older_manifest_has_no_locator(manifest: Manifest) -> None:
    raw = json.loads(encode(manifest))
    del raw["locator"]
    found = decode(json.dumps(raw | {"schema_version": 2}).encode(), "x")
    assert (found.schema_version, found.locator) == (2, None)


def test_a_locator_of_a_later_version_is_read(located: Manifest) -> None:
    raw = json.loads(encode(located))
    raw["locator"]["surprise"] = raw["locator"]["search"]["surprise"] = 1
    assert decode(json.dumps(raw).encode(), "x") == located


def test_sizes_that_a_network_takes(located: Manifest) -> None:
    assert located.locator
    find, refine = located.locator.find, located.locator.refine
    assert find.takes(32, 3200) and find.takes(320, 320) and find.takes(64, 128)
    assert not (find.takes(32, 3232) or find.takes(48, 64) or find.takes(64, 48) or find.takes(0, 64))
    assert refine.takes(64, 128) and not refine.takes(64, 64)


@pytest.mark.parametrize(
    ("path", "new", "said"),
    [
        (("module",), "other.so", ["locator.module", "other.so"]),
        (("golden", "file"), "other.bin", ["locator.golden.file", "other.bin"]),
        (("golden", "maps"), [], ["locator.golden.maps"]),
        (("find", "stride"), 5, ["locator.find", "stride is 5"]),
        (("find", "least_height"), 96, ["locator.find", "no input may be 64 × 128"]),
        (("search", "threshold"), 1.5, ["locator.search.threshold", "1.5"]),
        (("refine",), None, ["locator", "refine"]),
    ],
)
def test_errors_name_the_locators_keys(
    located: Manifest, path: tuple[str, ...], new: Any, said: list[str]
) -> None:
    raw = change(json.loads(encode(located)), ("locator", *path), new)
    with pytest.raises(FatalError) as caught:
        decode(json.dumps(raw).encode(), "manifest.json")
    assert all(word in str(caught.value) for word in said)


@pytest.mark.parametrize(
    ("path", "new", "said"),
    [
        (("target", "arch"), "mips", ["target.arch", "'mips'"]),
        (("target", "glibc"), 3, ["target.glibc", "value 3"]),
        (("input", "shape"), [1, 3, "a", 94], ["input.shape[2]", "'a'"]),
        (("input", "shape"), [1, 3, 24, 95], ["input.shape", "[1, 3, 24, 95]"]),
        (("output", "shape"), [1, 3, 18], ["output.shape", "[1, 3, 18]", "68"]),
        (("blank",), 68, ["blank", "68"]),
        (("alphabet",), ["a", "a"], ["alphabet", "twice"]),
        (("golden", "atol"), -1.5, ["golden.atol", "-1.5"]),
        (("golden", "file"), "other.bin", ["golden.file", "other.bin"]),
        (("files", "golden.bin", "sha256"), "abc", ["files", "'abc'"]),
        (("files", "../evil"), {"sha256": "0" * 64, "bytes": 1}, ["'../evil'"]),
        (("files", "manifest.json"), {"sha256": "0" * 64, "bytes": 1}, ["manifest.json"]),
        (("macs",), None, ["macs"]),
        (("schedule",), "16 of 16 convolutions tuned", ["schedule"]),
        (("schedule", "kind"), "guessed", ["schedule.kind", "'guessed'"]),
        (("schedule", "tuned"), 2, ["schedule", "tuned is 2 of only convolutions = 1"]),
        (("surprise",), 1, ["surprise"]),
        (("target", "surprise"), 1, ["target", "surprise"]),
        (("schema_version",), 1, ["schema_version", "1", "version 4"]),
        (("schema_version",), 5, ["schema_version", "5", "version 4", "install.sh"]),
        (
            ("accuracy",),
            [{"dataset": "d", "n": 1, "correct": 2, "accuracy": 1, "accuracy_without_province": 1}],
            ["accuracy"],
        ),
    ],
)
def test_errors_name_the_file_the_key_and_the_value(
    manifest: Manifest, path: tuple[str, ...], new: Any, said: list[str]
) -> None:
    raw = change(json.loads(encode(manifest)), path, new)
    with pytest.raises(FatalError) as caught:
        decode(json.dumps(raw).encode(), "build/rpi4/manifest.json")
    assert all(word in str(caught.value) for word in ["build/rpi4/manifest.json", *said])


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (ScheduleInfo(kind="tuned", convolutions=16, tuned=15), "15 of 16 convolutions tuned"),
        (ScheduleInfo(kind="default", convolutions=16, tuned=0), "TVM's default pipeline, untuned"),
        (
            ScheduleInfo(kind="metaschedule", convolutions=16, tuned=0, measurements=1024),
            "MetaSchedule's generic search, 1024 measurements",
        ),
    ],
)
def test_a_schedule_in_words(schedule: ScheduleInfo, text: str) -> None:
    assert schedule.text == text


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"holds no manifest\.json"):
        read_manifest(tmp_path)
    with pytest.raises(FatalError, match="is not a folder"):
        read_manifest(tmp_path / "none")
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(FatalError, match="cannot be read"):
        read_manifest(tmp_path)


def test_a_file_of_any_size_is_no_manifest(tmp_path: Path) -> None:
    with (tmp_path / "manifest.json").open("wb") as file:
        file.truncate(1 << 32)
    with pytest.raises(FatalError, match="larger than 4 MiB"):
        read_manifest(tmp_path)
