"""What runs on an emulated board while its instructions are counted: `count.py MODULE ARGUMENT…`.

MODULE has `load(*arguments)`, which returns what is counted: a function without arguments.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
from collections.abc import Callable

MARKER = 4000
"""Number of the system call that brackets what is counted, as in count_instructions.c; no Linux has it."""


def main(module: str, *arguments: str) -> None:
    """Count nothing under the label 0, then one inference under the label 1, each after two uncounted."""
    inference = importlib.import_module(module).load(*arguments)
    mark = ctypes.CDLL(None).syscall
    works: tuple[Callable[[], object], ...] = (lambda: None, inference)
    for label, work in enumerate(works):
        work()
        work()
        mark(MARKER, 0, 0)
        work()
        mark(MARKER, 1, label)


if __name__ == "__main__":
    main(*sys.argv[1:])
