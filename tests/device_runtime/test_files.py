from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from device_runtime.files import check_writable, write_atomic


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.json"
    write_atomic(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FatalError, match="No space left on device"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_really_full_disk(tmp_path: Path) -> None:
    if not os.access("/dev/full", os.W_OK):
        pytest.skip("no /dev/full")
    with pytest.raises(FatalError, match="cannot be written"):
        write_atomic(Path("/dev/full/x"), b"new")


def test_what_can_be_written_is_known_beforehand(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "r.json")
    assert [path.name for path in tmp_path.rglob("*")] == ["new"]
    for path, why in ((tmp_path, "Is a directory"), (Path("/proc/x/r.json"), "No such file")):
        with pytest.raises(FatalError, match=f"cannot be written .{why}"):
            check_writable(path)
