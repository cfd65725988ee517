"""What boards are answered while the database's disk is full, or its file is damaged, and afterwards."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from device_runtime.delivery.channel import Unreachable
from device_runtime.delivery.destination import HttpDestination
from device_runtime.delivery.post import HttpChannel
from device_runtime.delivery.spool import Spool
from device_runtime.delivery.spool_file import Entry
from host.collect.incoming import id_of
from host.store.store import open_store
from tests.host.collect.collecting import batch, bearer, collecting
from tests.items import encoded, event

SMALL_BYTES = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for little more than an empty database."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "lpr-test", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_board_keeps_its_items_while_the_collectors_disk_is_full(small_disk: Path, tmp_path: Path) -> None:
    filler = small_disk / "filler"
    spool = Spool(tmp_path / "spool")
    put = []
    with open_store(f"sqlite:///{small_disk}/lpr.db") as store, collecting(store) as address:
        assert address is not None
        token = store.add_token("gate")
        channel = HttpChannel(HttpDestination("http", address.host, address.port, "/items"), token)

        def pass_by() -> None:
            data = encoded("event", event())
            put.append(id_of(data))
            spool.append(Entry(len(put), id_of(data), "event", data))
            spool.sync()

        pass_by()
        assert channel.step(spool) == 0 and spool.empty
        with pytest.raises(OSError, match="No space left"), filler.open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        with pytest.raises(Unreachable, match="answers 503") as refused:
            for _ in range(100):
                pass_by()
                channel.step(spool)
        assert refused.value.after_s >= 1 and not spool.empty
        answer = httpx.post(
            f"http://{address}/items", content=batch(encoded("event", event())), headers=bearer(token)
        )
        assert answer.status_code == 503 and "the disk is full" in answer.json()["error"]
        # People can still look, and Prometheus sees it.
        assert httpx.get(f"http://{address}/healthz").status_code == 200
        assert "lpr_store_failed_items_total 0" not in httpx.get(f"http://{address}/metrics").text
        filler.unlink()
        while not spool.empty:
            channel.step(spool)
        channel.close()
        assert [one.item for one in store.every_event()][::-1] == put
    spool.close()


def test_nothing_is_acknowledged_that_a_damaged_database_does_not_take(tmp_path: Path) -> None:
    file = tmp_path / "lpr.db"
    with open_store(str(file)) as store:
        token = store.add_token("gate")
        store.add("gate", [])
    with sqlite3.connect(file) as looking:
        found = looking.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'events'").fetchall()
        (size,) = looking.execute("PRAGMA page_size").fetchone()
    looking.close()
    with open_store(str(file)) as store, collecting(store) as address:
        with file.open("r+b") as damaging:
            for (page,) in found:
                damaging.seek((page - 1) * size)
                damaging.write(b"\xa5" * size)
        for _ in range(2):
            answer = httpx.post(
                f"http://{address}/items", content=batch(encoded("event", event())), headers=bearer(token)
            )
            assert answer.status_code == 503 and "is damaged" in answer.json()["error"]
        # What does not need the damaged tables goes on.
        answer = httpx.post(f"http://{address}/items", content=batch(b"{}"), headers=bearer(token))
        assert answer.status_code == 200 and len(answer.json()["refused"]) == 1
