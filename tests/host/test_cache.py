from __future__ import annotations

import errno
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.cache import cached, digest_of


def test_cached_folder_is_whole_or_absent(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "one").write_text("1")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FatalError, match="No space left on device"):
        cached(tmp_path / "thing", half)
    assert list(tmp_path.iterdir()) == []

    def whole(folder: Path) -> None:
        (folder / "one").write_text("1")

    made = cached(tmp_path / "thing", whole)
    assert (made / "one").read_text() == "1"
    assert cached(made, half) == made


def test_another_process_may_finish_first(tmp_path: Path) -> None:
    def slow(folder: Path) -> None:
        (folder / "mine").touch()
        (tmp_path / "thing").mkdir()
        (tmp_path / "thing" / "theirs").touch()

    assert [p.name for p in cached(tmp_path / "thing", slow).iterdir()] == ["theirs"]
    assert [p.name for p in tmp_path.iterdir()] == ["thing"]


def test_others_wait_for_the_one_that_fills(tmp_path: Path) -> None:
    """Threads: each opens the lock anew, as a process does."""
    filled = []

    def fill(folder: Path) -> None:
        filled.append(folder)
        time.sleep(0.1)
        (folder / "one").touch()

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: cached(tmp_path / "thing", fill), range(8)))
    assert made == [tmp_path / "thing"] * 8
    assert len(filled) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["thing"]


def test_the_digest_changes_with_source_files_alone(tmp_path: Path) -> None:
    room = tmp_path / "room"
    (room / "__pycache__").mkdir(parents=True)
    (room / "code.py").write_text("a = 1")
    before = digest_of([room])
    (room / "__pycache__" / "code.pyc").write_text("compiled")
    (room / "notes.md").write_text("notes")
    assert digest_of([room]) == before
    (room / "code.py").write_text("a = 2")
    changed = digest_of([room])
    assert changed != before
    (room / "more.c").write_text("int b;")
    assert digest_of([room]) != changed
