"""Which cores there are, which of them are big, and keeping to those.

Processors such as the RK3588 have cores of two kinds. The kernel moves a program between them as it sees fit,
and a frame takes longer on a little core.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

from device_runtime.board.files import below, number, text
from device_runtime.errors import FatalError
from device_runtime.schema import Tolerant

BIG, ALL = "big", "all"

_NEARLY = 0.8
"""Share of the biggest core's capacity: cores of one kind may differ a little in their turbo."""

_CORES = "sys/devices/system/cpu"


class Core(Tolerant, frozen=True, kw_only=True):
    """A core; None where the kernel does not say.

    Attributes:
        number: as the kernel counts.
        frequency_mhz: now.
        max_frequency_mhz: its own limit.
        governor: what chooses its frequency.
    """

    number: int
    frequency_mhz: float | None = None
    max_frequency_mhz: float | None = None
    governor: str | None = None


def parse_cores(text: str) -> str | frozenset[int]:
    """`BIG`, `ALL`, or the cores of a list such as 4-7 or 0,2.

    Raises:
        ValueError: it is none of these.
    """
    if text in (BIG, ALL):
        return text
    cores: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part.strip())
        if found is None or (found[2] and int(found[2]) < int(found[1])):
            raise ValueError(f"{text!r} is no list of cores such as 4-7 or 0,2, and neither big nor all")
        cores.update(range(int(found[1]), int(found[2] or found[1]) + 1))
    return frozenset(cores)


def keep_to(wanted: str | frozenset[int], threads: int = 1, root: Path = Path("/")) -> tuple[int, ...]:
    """Bind this thread, and those that it starts from now on, to some cores.

    Args:
        wanted: as of `parse_cores`. `BIG` binds nothing where all cores are alike.
        threads: that there should be a core for each.
        root: where the kernel's files are.

    Returns:
        the cores, in order.

    Raises:
        FatalError: this process may not use any of those that are named, or there is none of them.
    """
    allowed = os.sched_getaffinity(0)
    if wanted == ALL:
        return tuple(sorted(allowed))
    if isinstance(wanted, str):
        chosen = big_cores(allowed, threads, root)
    else:
        chosen = wanted & allowed
        if chosen != wanted:
            why = f"core {min(wanted - allowed)} is not there, or not for this process"
            raise FatalError("--cores", why, f"give some of {_as_list(allowed)}")
    if chosen != allowed:
        os.sched_setaffinity(0, chosen)
    return tuple(sorted(chosen))


def big_cores(allowed: Collection[int], threads: int = 1, root: Path = Path("/")) -> frozenset[int]:
    """Those of *allowed* that are about as fast as the fastest, and more until there is one for each thread.

    By the kernel's `cpu_capacity` (Documentation/devicetree/bindings/cpu/cpu-capacity.txt), else by the
    highest frequency; all of *allowed* where the kernel says neither of one of them.
    """
    capacity: dict[int, float] = {}
    for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
        known = {n: number(root / _CORES / f"cpu{n}" / name) for n in allowed}
        capacity = {n: value for n, value in known.items() if value}
        if len(capacity) == len(allowed):
            break
    else:
        return frozenset(allowed)
    order = sorted(capacity, key=lambda n: (-capacity[n], n))
    big = [n for n in order if capacity[n] >= _NEARLY * capacity[order[0]]]
    return frozenset(order[: max(len(big), threads)])


def cores_of(numbers: Collection[int] | None = None, root: Path = Path("/")) -> tuple[Core, ...]:
    """What the kernel says of these cores; of those that this thread may use where None."""
    return tuple(
        Core(
            number=n,
            frequency_mhz=number(below(root, f"{_CORES}/cpu{n}/cpufreq/scaling_cur_freq"), 1e-3),
            max_frequency_mhz=number(below(root, f"{_CORES}/cpu{n}/cpufreq/cpuinfo_max_freq"), 1e-3),
            governor=text(below(root, f"{_CORES}/cpu{n}/cpufreq/scaling_governor")),
        )
        for n in sorted(os.sched_getaffinity(0) if numbers is None else numbers)
    )


def _as_list(cores: Collection[int]) -> str:
    """As `parse_cores` reads them."""
    parts: list[list[int]] = []
    for n in sorted(cores):
        if parts and n == parts[-1][1] + 1:
            parts[-1][1] = n
        else:
            parts.append([n, n])
    return ",".join(f"{a}-{b}" if a < b else f"{a}" for a, b in parts)
