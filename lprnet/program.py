"""The program `lprnet`: `lprnet.cli`; Ctrl-C shows no traceback, however early or late."""

from __future__ import annotations

from importlib import import_module

from device_runtime.descriptors import prepare
from device_runtime.interrupt import end_by_ctrl_c, raise_on_ctrl_c


def run(module: str) -> None:
    """Load *module*, which takes long, and run its `main`; Ctrl-C ends the process before and after."""
    end_by_ctrl_c()
    prepare()
    main = import_module(module).main
    raise_on_ctrl_c()
    try:
        main()
    finally:
        end_by_ctrl_c()


def main() -> None:
    """Entry point."""
    run("lprnet.cli")


if __name__ == "__main__":
    main()
