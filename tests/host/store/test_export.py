from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from device_runtime.errors import FatalError
from host.store.export import Exported, export
from host.store.store import Store
from host.store.values import Search
from tests.items import came, event, events


def test_a_plate_is_exported_with_its_pictures(store: Store, tmp_path: Path) -> None:
    jpeg = b"\xff\xd8\xff\xe0 plate"
    passage = event("粤812345")
    body = msgspec.to_builtins(passage) | {"crop": msgspec.to_builtins(jpeg)}
    store.add("gate", [came("event", body), *events("粤B12345", "沪C99999")])
    folder = tmp_path / "out"
    found = export(store, Search(plate="粤B12345", distance=0), folder)
    assert found == Exported(events=2, crops=1)
    lines = [msgspec.json.decode(line) for line in (folder / "events.jsonl").read_bytes().splitlines()]
    assert [line["event"]["text"] for line in lines] == ["粤B12345", "粤812345"]
    assert lines[1]["event"]["id"] == passage.id and lines[1]["board"] == "gate"
    assert (folder / lines[1]["crop"]).read_bytes() == jpeg and lines[0]["crop"] is None
    assert sorted(path.name for path in folder.iterdir()) == ["crops", "events.jsonl"]


def test_a_folder_that_cannot_be_written_is_one_line(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FatalError, match="cannot be written"):
        export(store, Search(), tmp_path / "file")
