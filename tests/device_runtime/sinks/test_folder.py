from __future__ import annotations

import os
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from device_runtime.sinks.folder import BoundedFolder


def name(number: int) -> str:
    return f"20261126-1200{number:02}-京A1-00000{number % 10}.jpg"


def test_the_oldest_files_go_first_and_others_stay(tmp_path: Path) -> None:
    folder = BoundedFolder(tmp_path / "crops", 100)
    folder.save(name(0), b"x" * 10)
    (tmp_path / "crops" / "holiday.jpg").write_bytes(b"y" * 500)
    for number in range(1, 9):
        folder.save(name(number), b"x" * 30)
    kept = sorted(path.name for path in (tmp_path / "crops").iterdir())
    assert kept == [*(name(n) for n in (6, 7, 8)), "holiday.jpg"]


def test_files_of_an_earlier_run_count(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / name(number)).write_bytes(b"x" * 30)
        os.utime(tmp_path / name(number), (number, number))
    folder = BoundedFolder(tmp_path, 70)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name(2), name(3)]
    (tmp_path / name(2)).unlink()
    folder.save(name(5), b"x" * 30)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name(3), name(5)]


def test_what_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="may not hold"):
        BoundedFolder(tmp_path, 10).save(name(1), b"x" * 11)
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "crops"):
        with pytest.raises(FatalError, match="cannot be used"):
            BoundedFolder(path, 10)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_an_error_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FatalError, match="Permission denied"):
        BoundedFolder(tmp_path, 10)
