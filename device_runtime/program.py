"""The program `lpr-run`: `device_runtime.cli`, ended soon; Ctrl-C shows no traceback, however early."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

from device_runtime.descriptors import prepare
from device_runtime.interrupt import end_by_ctrl_c


def main() -> NoReturn:
    """Entry point.

    When `cli.main` is over, everything is written and let go of. What Python would still do, taking down a
    thousand modules, is a second of a small board's time, and SIGTERM leaves two for everything.
    """
    # For good: a run has handlers of its own, see `stop`, while there is something to be ended in order.
    end_by_ctrl_c()
    prepare()
    from device_runtime.cli import main as run

    status: int | str | None = 0
    try:
        run()
    except SystemExit as end:
        status = end.code
    if status is not None and not isinstance(status, int):
        # As Python does: what is no number is said.
        print(status, file=sys.stderr)
        status = 1
    for stream in (sys.stdout, sys.stderr):
        # A closed pipe is told by the status.
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status or 0)


if __name__ == "__main__":
    main()
