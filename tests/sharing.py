"""What parallel workers of a test run make once and share."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

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
