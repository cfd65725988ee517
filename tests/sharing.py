"""What parallel workers of a test run make once and share, and what each of them runs."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import cycle
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

Exclusively = Callable[[str], AbstractContextManager[Path]]
"""Name → a context that one worker at a time is in, and a path of that name that all of them see."""


def exclusively_in(folder: Path) -> Exclusively:
    """`Exclusively` for the workers that share *folder*."""
    folder.mkdir(exist_ok=True)

    @contextmanager
    def exclusively(name: str) -> Iterator[Path]:
        with (folder / f".{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder / name

    return exclusively


def shares(files: Sequence[tuple[int, Sequence[T]]], workers: int) -> list[T]:
    """Tests in an order of which every worker is given an equal part, slow files first in each of them.

    Tests of a file stay together but where a part's end divides them.

    Args:
        files: how many slow tests each has, and its tests.
    """
    parts: list[list[T]] = [[] for _ in range(workers)]
    # Dealt out there and back, the heaviest first.
    turns = cycle([*parts, *reversed(parts)])
    for _, tests in sorted((file for file in files if file[0]), key=lambda file: -file[0]):
        next(turns).extend(tests)
    quick = [test for slow, tests in files if not slow for test in tests]
    total, ordered = len(quick) + sum(map(len, parts)), list[T]()
    for place, part in enumerate(parts, 1):
        room = max(total * place // workers - len(ordered) - len(part), 0)
        ordered += [*part, *quick[:room]]
        del quick[:room]
    return ordered + quick
