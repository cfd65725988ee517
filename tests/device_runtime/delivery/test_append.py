from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_runtime.delivery.append import FileChannel
from device_runtime.delivery.channel import Unreachable
from device_runtime.delivery.spool import Spool
from tests.device_runtime.delivery.spools import fill


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool")
    yield spool
    spool.close()


def drain(channel: FileChannel, spool: Spool) -> None:
    while not channel.step(spool):
        pass


def test_items_are_appended_as_lines_and_acknowledged(spool: Spool, tmp_path: Path) -> None:
    path = tmp_path / "new" / "events.jsonl"
    channel = FileChannel(path)
    entries = fill(spool, 250)
    drain(channel, spool)
    assert path.read_bytes().splitlines() == [e.data for e in entries]
    assert spool.after(0, 1, 1) == []
    more = fill(spool, 1)
    drain(channel, spool)
    assert path.read_bytes().splitlines()[250:] == [more[0].data]
    channel.close()


@pytest.mark.parametrize("cut", [0, 1, 30])
def test_after_a_kill_nothing_is_twice_and_a_torn_line_is_written_again(
    spool: Spool, tmp_path: Path, cut: int
) -> None:
    path = tmp_path / "events.jsonl"
    entries = fill(spool, 5)
    # Written, torn, and not acknowledged.
    lines = b"".join(e.data + b"\n" for e in entries[:3])
    path.write_bytes(b"somebody else's\n" + lines[: len(lines) - cut])
    channel = FileChannel(path)
    drain(channel, spool)
    channel.close()
    assert path.read_bytes().splitlines() == [b"somebody else's", *(e.data for e in entries)]


def test_a_full_disk_leaves_whole_lines_and_the_items_in_the_spool(spool: Spool, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    channel = FileChannel(path)
    first = fill(spool, 1)
    drain(channel, spool)
    more = fill(spool, 20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 500, hard))
    try:
        with pytest.raises(Unreachable, match="cannot be written"):
            channel.step(spool)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == first[0].data + b"\n"
    drain(channel, spool)
    channel.close()
    assert path.read_bytes().splitlines() == [e.data for e in first + more]


@pytest.mark.parametrize("path", ["/dev/null", "/proc/none/events"])
def test_what_is_no_file_is_unreachable(spool: Spool, path: str) -> None:
    fill(spool, 1)
    with pytest.raises(Unreachable, match="cannot be written"):
        FileChannel(Path(path)).step(spool)
    assert len(spool.after(0, 9, 9)) == 1


def test_what_is_no_text_stays_before_the_items(spool: Spool, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    before = b'\xff\xfe\n{"id": "\xe7"}\n' + b"[" * 3000 + b"\n"
    path.write_bytes(before)
    (entry,) = fill(spool, 1)
    channel = FileChannel(path)
    channel.step(spool)
    channel.close()
    assert path.read_bytes() == before + entry.data + b"\n"
