"""The program `lpr-run`: `device_runtime.cli`, ended soon; an early Ctrl-C shows no traceback."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn


def main() -> NoReturn:
    """Entry point.

    When `cli.main` is over, everything is written and let go of. What Python would still do, taking down a
    thousand modules, is a second of a small board's time, and SIGTERM leaves two for everything.
    """
    # A shell starts what it puts into the background with Ctrl-C ignored.
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from device_runtime.cli import main as run

    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
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
