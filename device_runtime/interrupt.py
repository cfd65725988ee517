"""Ctrl-C while a program is being loaded or taken down: it ends at once, by SIGINT, and says nothing.

    env --block-signal=INT ─▶ Python starts ─▶ main: unblocked, ends it ─▶ modules ─▶ handler of the program
                 Ctrl-C waits ────────────────┘

Python's own way is a traceback through whatever module was just being imported, a crash of one in C++, or a
line about what it was raised in and ignored: then the program goes on. `install.sh` and `scripts/set-up`
have programs begin with `env`, where it can do that.
"""

from __future__ import annotations

import signal
from types import FrameType


def end_by_ctrl_c() -> None:
    """From now on Ctrl-C ends this process, unless whoever started it has it ignore Ctrl-C.

    A shell does so with what it starts in the background.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def raise_on_ctrl_c() -> None:
    """From now on Ctrl-C raises `KeyboardInterrupt`, but ends this process while it imports something.

    It stays ignored as of `end_by_ctrl_c`.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _raise)


def _raise(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        # Of Python's import system.
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        frame = frame.f_back
    raise KeyboardInterrupt
