"""A sender that is killed again and again, while its host drops connections, loses answers and refuses.

producer ── put ──▶ spool ──▶ Host, by HTTP        kill -9 at a random moment, then the next one
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from device_runtime.delivery.delivery import Delivery
from device_runtime.delivery.destination import HttpDestination
from host.endure.web_host import Host, serving
from host.paths import REPOSITORY
from host.trial import Failed

FAULTS: list[str | int | bytes] = ["ok", "ok", "drop", "lose", 503]
"""What the host does with requests, drawn anew for each run of the sender."""
_DRAINED_S = 120.0


def start(folder: Path, host: Host, run: int) -> subprocess.Popen[bytes]:
    """The sender, which writes the number of each item that it has handed over to standard output."""
    command = [sys.executable, "-m", "host.endure.producer", folder, address(host), run]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        [*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )


def address(host: Host) -> HttpDestination:
    """Where *host* takes items."""
    return HttpDestination("http", "127.0.0.1", host.server_port, "/in")


def outlives_kills(kills: int, folder: Path, seed: int | None = None) -> str:
    """Kill a sender *kills* times, at random moments: what it had handed over arrives, once.

    Args:
        folder: of the spool.
        seed: of the moments and of what the host does; others each time where None.

    Raises:
        Failed: an item is missing but for the one that was being written, or came under two ids.
    """
    rng = random.Random(seed)
    handed: dict[int, int] = {}
    with serving(Host()) as host:
        for run in range(kills):
            host.faults = [*rng.choices(FAULTS, k=5)]
            handed[run] = _killed(start(folder, host, run), rng)
        host.faults = []
        with Delivery(address(host), folder) as delivery:
            limit = time.monotonic() + _DRAINED_S
            while not delivery.drained():
                if time.monotonic() > limit:
                    raise Failed(f"the host has not got everything after {_DRAINED_S:.0f} s")
                time.sleep(0.01)
        return _judged(host, handed)


def _killed(process: subprocess.Popen[bytes], rng: random.Random) -> int:
    """Kill it soon; the last number that it had handed over."""
    with process:
        assert process.stdout is not None
        # From the first item on, or while it starts.
        if rng.random() < 0.9:
            first = process.stdout.readline()
            time.sleep(rng.expovariate(1 / 0.05))
        else:
            first = b""
            time.sleep(rng.uniform(0, 0.3))
        process.kill()
        numbers = (first + process.stdout.read()).split()
        return int(numbers[-1]) if numbers else 0


def _judged(host: Host, handed: dict[int, int]) -> str:
    stored = Counter((item.body["run"], item.body["n"]) for item in host.stored)
    lost = written = 0
    for run, last in handed.items():
        missing = [n for n in range(1, last + 1) if (run, n) not in stored]
        # Handed over, and killed before it was written.
        written += missing == [last]
        lost += len(missing) - (missing == [last])
    twice = stored.total() - len(stored) + len(host.items) - len(set(host.items.values()))
    spools = len({item.spool for item in host.stored})
    if lost or twice or spools != 1:
        raise Failed(f"{lost} lost, {twice} twice, {spools} spools after {len(handed)} kills")
    return (
        f"{len(handed)} kills, {len(stored)} items; 0 lost, 0 twice; {written} were being written; "
        f"{len(host.twice)} came again and were known"
    )
