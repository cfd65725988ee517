"""The program `lprnet`: `lprnet.cli`; Ctrl-C shows no traceback, however early or late."""

from __future__ import annotations

from device_runtime.descriptors import prepare
from device_runtime.interrupt import end_by_ctrl_c, raise_on_ctrl_c


def main() -> None:
    """Entry point."""
    end_by_ctrl_c()
    prepare()
    from lprnet.cli import main as run

    raise_on_ctrl_c()
    try:
        run()
    finally:
        end_by_ctrl_c()


if __name__ == "__main__":
    main()
