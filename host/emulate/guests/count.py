"""What runs on an emulated board while its instructions are counted: `count.py MODULE ARGUMENT…`.

MODULE has `load(*arguments)`, which returns what is counted: a function without arguments, or some by name.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import sys

MARKER = 4000
"""Number of the system call that brackets what is counted, as in count_instructions.c; no Linux has it."""


def main(module: str, *arguments: str) -> None:
    """Count nothing under the label 0, then every function under the next, each after two uncounted calls."""
    loaded = importlib.import_module(module).load(*arguments)
    mark = ctypes.CDLL(None).syscall
    functions = loaded.values() if isinstance(loaded, dict) else (loaded,)
    # Else it would be counted where it happens to start.
    gc.disable()
    for label, work in enumerate((lambda: None, *functions)):
        work()
        work()
        mark(MARKER, 0, 0)
        work()
        mark(MARKER, 1, label)


if __name__ == "__main__":
    main(*sys.argv[1:])
