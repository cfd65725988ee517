from __future__ import annotations

import errno
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.cache import cached


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
