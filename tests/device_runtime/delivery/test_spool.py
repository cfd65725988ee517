from __future__ import annotations

import logging
import os
import random
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from device_runtime.delivery.spool import Spool
from device_runtime.delivery.spool_file import Entry
from device_runtime.errors import FatalError
from tests.device_runtime.delivery.spools import entry, fill


def pending(spool: Spool, sequence: int = 0) -> list[Entry]:
    """All that is left, in the pieces that a sender takes."""
    spool.sync()
    found: list[Entry] = []
    while more := spool.after(found[-1].sequence if found else sequence, 7, 1 << 16):
        found += more
    return found


@contextmanager
def reopened(spool: Spool) -> Iterator[Spool]:
    spool.close()
    again = Spool(spool.folder, spool.max_bytes)
    try:
        yield again
    finally:
        again.close()


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow: what a full disk does to a file system's user."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def logs_of(folder: Path, kind: str = "event") -> list[Path]:
    return sorted(folder.glob(f"{kind}-*.log"))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", 1 << 20)
    yield spool
    spool.close()


def test_items_come_in_order_of_their_sequence_and_stay_until_acknowledged(spool: Spool) -> None:
    entries = [fill(spool, 1, kind)[0] for kind in ("event", "health", "report", "event") * 5]
    assert pending(spool) == entries
    spool.acknowledge(entries[3:7])
    assert pending(spool) == entries[:3] + entries[7:]
    assert pending(spool, 10) == entries[10:]
    assert spool.counts.spooled == 20 and spool.counts.acknowledged == 4


def test_items_are_given_out_only_once_they_are_on_disk(spool: Spool) -> None:
    entries = fill(spool, 3)
    spool.append(entry(spool))
    assert spool.after(0, 10, 1 << 20) == entries
    spool.sync()
    assert spool.after(0, 10, 1 << 20)[:3] == entries and len(spool.after(0, 10, 1 << 20)) == 4


def test_at_most_so_many_items_and_bytes_are_given_out(spool: Spool) -> None:
    entries = fill(spool, 5, size=1000)
    spool.sync()
    assert spool.after(0, 2, 1 << 20) == entries[:2]
    assert spool.after(1, 9, 2 * len(entries[0].data)) == entries[1:3]
    assert spool.after(0, 9, 1) == entries[:1]


def test_a_restart_goes_on_where_it_was(spool: Spool) -> None:
    entries = fill(spool, 600)
    assert len(logs_of(spool.folder)) > 1
    spool.sync()
    spool.acknowledge(entries[:2] + entries[300:310])
    with reopened(spool) as again:
        assert again.identity == spool.identity and again.last_sequence == 600
        assert pending(again) == entries[2:300] + entries[310:]
        new = fill(again, 1)
        assert new[0].sequence == 601 and pending(again)[-1] == new[0]


def test_a_file_is_deleted_when_the_host_has_all_of_it(spool: Spool) -> None:
    entries = fill(spool, 600)
    before = logs_of(spool.folder)
    spool.acknowledge(pending(spool))
    assert logs_of(spool.folder) == before[-1:]
    assert [path.name for path in spool.folder.glob("*.acked")] == [before[-1].with_suffix(".acked").name]
    with reopened(spool) as again:
        assert pending(again) == [] and again.last_sequence == entries[-1].sequence


def test_acknowledged_twice_counts_once(spool: Spool) -> None:
    entries = fill(spool, 3)
    spool.sync()
    spool.acknowledge(entries)
    spool.acknowledge(entries)
    assert spool.counts.acknowledged == 3


def test_refused_items_are_not_given_out_again(spool: Spool) -> None:
    entries = fill(spool, 3)
    spool.sync()
    spool.refuse(entries[:1])
    assert pending(spool) == entries[1:] and spool.counts.refused == 1


@pytest.mark.parametrize("cut", range(1, 320, 13))
def test_a_torn_last_line_is_dropped_and_written_over(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path)
    entries = fill(spool, 3)
    spool.close()
    (path,) = logs_of(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])
    again = Spool(tmp_path)
    whole = 2 if cut <= len(entries[2].data) + 10 else 1
    assert again.last_sequence == whole
    new = fill(again, 1)
    assert pending(again) == entries[:whole] + new
    again.close()
    assert again.counts.damaged == (0 if cut == len(entries[2].data) + 10 else 1)
    # What was written since is not damaged by what was torn.
    third = Spool(tmp_path)
    assert pending(third) == entries[:whole] + new and third.counts.damaged == 0
    third.close()


def test_file_and_folder_are_synced_before_an_item_is_given_out(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    for name in ("fdatasync", "fsync"):
        real = getattr(os, name)

        def recording(handle: int, real: Callable[[int], None] = real) -> None:
            synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
            assert spool.after(0, 9, 1 << 20) == []
            real(handle)

        monkeypatch.setattr(os, name, recording)
    spool.append(entry(spool, "event"))
    spool.append(entry(spool, "health"))
    spool.sync()
    assert sorted(synced) == [f"event-{1:020}.log", f"health-{2:020}.log", "spool"]
    assert len(spool.after(0, 9, 1 << 20)) == 2


@pytest.mark.parametrize("seed", range(20))
def test_a_power_cut_loses_nothing_that_was_synced(tmp_path: Path, seed: int) -> None:
    """What was not synced is on the disk in part, as zeros or not at all."""
    rng = random.Random(seed)
    spool = Spool(tmp_path)
    kept = fill(spool, rng.randrange(1, 40), size=rng.randrange(300))
    synced = logs_of(tmp_path)[-1].stat().st_size
    for _ in range(rng.randrange(5)):
        spool.append(entry(spool))
    size = logs_of(tmp_path)[-1].stat().st_size
    os.close(spool._folder_handle)
    with logs_of(tmp_path)[-1].open("r+b") as file:
        file.truncate(rng.randint(synced, size))
        if rng.random() < 0.5:
            file.truncate(size)
    again = Spool(tmp_path)
    assert pending(again)[: len(kept)] == kept
    assert again.last_sequence >= kept[-1].sequence
    new = fill(again, 2)
    assert pending(again)[-2:] == new
    again.close()


def test_zeros_after_a_power_cut_are_cut_off(spool: Spool) -> None:
    entries = fill(spool, 3)
    spool.close()
    with logs_of(spool.folder)[0].open("ab") as file:
        file.write(bytes(4096))
    with reopened(spool) as again:
        assert pending(again) == entries and again.counts.damaged == 1


def test_a_damaged_line_costs_only_itself(spool: Spool) -> None:
    entries = fill(spool, 5)
    spool.close()
    (path,) = logs_of(spool.folder)
    data = bytearray(path.read_bytes())
    data[2 * len(data) // 5 + 40] ^= 1
    path.write_bytes(data)
    with reopened(spool) as again:
        assert pending(again) == entries[:2] + entries[3:] and again.counts.damaged == 1


def test_damaged_notes_send_an_item_again_rather_than_lose_it(spool: Spool) -> None:
    entries = fill(spool, 3)
    spool.sync()
    spool.acknowledge(entries[:2])
    spool.close()
    (notes,) = spool.folder.glob("*.acked")
    notes.write_bytes(notes.read_bytes()[:-4] + b"9")
    with reopened(spool) as again:
        assert pending(again) == entries[1:]


@pytest.mark.parametrize("text", ["", "{}", '{"spool_version": 1, "spool": "me"}', '{"spool_version": 9}'])
def test_a_damaged_identity_is_made_anew(spool: Spool, text: str) -> None:
    entries = fill(spool, 1)
    (spool.folder / "spool.json").write_text(text)
    with reopened(spool) as again:
        assert again.identity != spool.identity and pending(again) == entries


def test_health_is_dropped_first_then_reports_then_events_oldest_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path, 64 << 10)
    fill(spool, 40, "health")
    reports = fill(spool, 40, "report")
    fill(spool, 150)
    assert spool.size <= 64 << 10
    left = pending(spool)
    assert spool.counts.dropped["health"] > 0 == spool.counts.dropped["event"]
    assert [e for e in left if e.kind == "report"] == reports[spool.counts.dropped["report"] :]
    fill(spool, 400)
    left = pending(spool)
    assert {e.kind for e in left} == {"event"} and spool.size <= 64 << 10
    dropped = spool.counts.dropped
    assert dropped["health"] == dropped["report"] == 40
    assert len(left) == 550 - dropped["event"] and left[-1].sequence == 630
    assert [e.sequence for e in left] == list(range(left[0].sequence, 631))
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1
    # An item of the kind that goes first does not push out others.
    fill(spool, 30, "health")
    assert spool.counts.dropped["event"] <= dropped["event"] + 20 and spool.size <= 64 << 10
    spool.close()


def test_dropping_does_not_give_a_sequence_number_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 4096)
    fill(spool, 30, "health", 1000)
    with reopened(spool) as again:
        assert again.last_sequence == 30


def test_the_item_that_made_room_by_dropping_its_own_kind_is_acknowledged(tmp_path: Path) -> None:
    """The one file of health reports is dropped for another health report, which begins the next one."""
    spool = Spool(tmp_path, 16 << 10)
    fill(spool, 1, "health")
    while spool.size < 15 << 10:
        fill(spool, 1)
    (health,) = fill(spool, 1, "health", 1200)
    assert spool.counts.dropped["health"] == 1
    assert logs_of(tmp_path, "health")[0].name == f"health-{health.sequence:020}.log"
    spool.acknowledge(pending(spool))
    assert spool.empty
    with reopened(spool) as again:
        assert again.empty


def test_the_oldest_file_may_hold_lower_numbers_than_its_name_says(tmp_path: Path) -> None:
    """As it was written before; they are sent, and acknowledged."""
    spool = Spool(tmp_path)
    entries = fill(spool, 3)
    (log,) = logs_of(tmp_path)
    log.rename(log.with_name(f"event-{4:020}.log"))
    with reopened(spool) as again:
        assert pending(again) == entries and again.last_sequence == 3
        again.acknowledge(entries)
        assert again.empty
        more = fill(again, 1)
        assert pending(again) == more


def test_a_record_that_belongs_into_another_file_is_damaged(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 16 << 10)
    entries = fill(spool, 12)
    spool.close()
    first, second, third = logs_of(tmp_path)[:3]
    strays = first.read_bytes(), third.read_bytes()
    second.write_bytes(strays[0] + second.read_bytes() + strays[1])
    again = Spool(tmp_path, 16 << 10)
    assert pending(again) == entries
    assert again.counts.damaged == sum(text.count(b"\n") for text in strays)
    again.acknowledge(entries)
    assert again.empty
    again.close()


def test_an_item_longer_than_the_spool_is_refused(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 4096)
    kept = fill(spool, 1)
    fill(spool, 1, size=8000)
    assert pending(spool) == kept and spool.counts.refused == 1
    spool.close()


def test_a_full_disk_is_survived_with_one_warning(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    before = fill(spool, 3)
    with full_disk():
        waiting = fill(spool, 50)
        # They are sent from memory.
        assert pending(spool) == before + waiting
        spool.acknowledge(before[:1] + waiting[:10])
        assert pending(spool) == before[1:] + waiting[10:]
        assert spool.counts.waited == 50
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1
    after = fill(spool, 1)
    with reopened(spool) as again:
        # The note of the one acknowledged on the full disk is missing: it is sent again.
        assert pending(again) == before + waiting[10:] + after and again.counts.damaged == 0


def test_what_waits_for_a_full_disk_is_bounded(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 16 << 10)
    with full_disk():
        fill(spool, 10, "health", 500)
        events = fill(spool, 40, "event", 500)
        left = pending(spool)
    assert spool.counts.dropped["health"] == 10 and spool.counts.dropped["event"] > 0
    assert left == events[spool.counts.dropped["event"] :]
    spool.close()


def test_a_spool_starts_on_a_full_disk(tmp_path: Path) -> None:
    tmp_path.joinpath("s").mkdir()
    with full_disk():
        spool = Spool(tmp_path / "s")
        entries = fill(spool, 2)
        assert pending(spool) == entries and spool.unwritten == 2
    assert pending(spool) == entries and spool.unwritten == 0
    with reopened(spool) as again:
        assert pending(again) == entries


def test_only_one_program_uses_a_spool(spool: Spool) -> None:
    with pytest.raises(FatalError, match="is used by another program – stop it"):
        Spool(spool.folder)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FatalError, match=r"cannot be made or opened .* – name another folder"):
        Spool(tmp_path / "file" / "spool")


def test_strange_files_in_the_folder_are_left_alone(spool: Spool) -> None:
    entries = fill(spool, 1)
    (spool.folder / "notes.txt").write_text("mine")
    (spool.folder / "alarm-00000000000000000001.log").write_text("of a newer program")
    with reopened(spool) as again:
        assert pending(again) == entries
    assert (spool.folder / "notes.txt").exists() and (
        spool.folder / "alarm-00000000000000000001.log"
    ).exists()


def test_memory_holds_only_the_files_that_are_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 4 << 20)
    fill(spool, 3000, size=500)
    spool.close()
    again = Spool(tmp_path, 4 << 20)
    assert len(pending(again)) == 3000
    again.after(0, 5, 1 << 16)
    loaded = [f for chain in again._files.values() for f in chain if f.entries is not None]
    assert len(loaded) <= 2
    again.close()
