from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from device_runtime.board.cores import BIG, Core, big_cores, cores_of, keep_to, parse_cores
from device_runtime.board.describe import describe
from device_runtime.errors import FatalError

CPU = "sys/devices/system/cpu/cpu{}/{}"


def board(root: Path, name: str, values: list[int]) -> Path:
    for n, value in enumerate(values):
        path = root / CPU.format(n, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    return root


@pytest.mark.parametrize(
    ("text", "cores"),
    [("big", "big"), ("all", "all"), ("3", {3}), ("4-7", {4, 5, 6, 7}), ("0, 2-3", {0, 2, 3})],
)
def test_cores_are_written_as_taskset_does(text: str, cores: object) -> None:
    assert parse_cores(text) == cores


@pytest.mark.parametrize("text", ["", "large", "-1", "3-2", "1,,2", "1-", "0x1", "99999", "١"])
def test_what_is_no_list_of_cores_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no list of cores"):
        parse_cores(text)


@pytest.mark.parametrize(
    ("capacities", "threads", "big"),
    [
        ([414, 414, 414, 414, 1024, 1024, 1020, 1020], 1, {4, 5, 6, 7}),  # RK3588
        ([1024, 1024, 1024, 1024], 1, {0, 1, 2, 3}),
        ([446, 446, 1024, 1024], 3, {0, 2, 3}),
        ([1024], 4, {0}),
    ],
)
def test_big_cores_are_those_of_high_capacity(
    tmp_path: Path, capacities: list[int], threads: int, big: set[int]
) -> None:
    root = board(tmp_path, "cpu_capacity", capacities)
    assert big_cores(range(len(capacities)), threads, root) == big


def test_frequencies_tell_where_capacities_do_not(tmp_path: Path) -> None:
    root = board(tmp_path, "cpufreq/cpuinfo_max_freq", [1_800_000] * 2 + [2_400_000] * 2)
    assert big_cores({0, 1, 2, 3}, 1, root) == {2, 3}
    assert big_cores({0, 1}, 1, root) == {0, 1}
    assert big_cores({0, 9}, 1, root) == {0, 9}


def test_the_core_that_reads_is_described(tmp_path: Path) -> None:
    root = board(tmp_path, "cpufreq/cpuinfo_max_freq", [1_800_000] * 512)
    last = max(os.sched_getaffinity(0))
    (root / CPU.format(last, "cpufreq/cpuinfo_max_freq")).write_text("2400000\n")
    (root / CPU.format(last, "cpufreq/scaling_cur_freq")).write_text("2208000\n")
    found = describe(root)
    assert (found.frequency_mhz, found.max_frequency_mhz) == (2208, 2400)
    assert found.cores_used == tuple(sorted(os.sched_getaffinity(0)))
    assert cores_of([last], root) == (Core(number=last, frequency_mhz=2208, max_frequency_mhz=2400),)


def test_a_thread_keeps_to_the_cores_it_is_told(tmp_path: Path) -> None:
    """In a process of its own, since threads that are started later keep to them, too."""
    allowed = sorted(os.sched_getaffinity(0))
    capacities = [100] * (allowed[-1] + 1)
    capacities[allowed[-1]] = 1000
    board(tmp_path, "cpu_capacity", capacities)
    program = (
        "import os, sys; from pathlib import Path; from device_runtime.board.cores import keep_to\n"
        f"kept = keep_to('big', 1, Path({str(tmp_path)!r}))\n"
        "assert set(kept) == os.sched_getaffinity(0); print(kept)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"({allowed[-1]},)\n"


def test_cores_that_are_not_there_are_refused() -> None:
    with pytest.raises(FatalError, match=r"--cores: core 4095 is not there, or not for this process – give"):
        keep_to(frozenset({4095}))
    assert keep_to("all") == tuple(sorted(os.sched_getaffinity(0)))
    assert keep_to(BIG, 1, Path("/nowhere")) == keep_to("all")
