from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

HEAD = """
import os, signal, sys
from device_runtime.interrupt import end_by_ctrl_c, raise_on_ctrl_c
class Ctrl:
    def find_spec(self, name, path=None, target=None):
        if name == "antigravity": os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Ctrl())
end_by_ctrl_c()
raise_on_ctrl_c()
"""


def run(code: str, sigint: signal.Handlers = signal.SIG_DFL) -> tuple[int, str, str]:
    ready: Callable[[], object] = lambda: signal.signal(signal.SIGINT, sigint)  # noqa: E731
    command = [sys.executable, "-c", HEAD + code]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=ready, check=False)
    return done.returncode, done.stdout, done.stderr


def test_it_is_raised_while_a_program_is_at_work() -> None:
    assert run("try: signal.raise_signal(2)\nexcept KeyboardInterrupt: print('cleared up')") == (
        0,
        "cleared up\n",
        "",
    )


@pytest.mark.parametrize(
    "code",
    ["try: import antigravity\nexcept KeyboardInterrupt: pass", "end_by_ctrl_c(); os.kill(os.getpid(), 2)"],
)
def test_it_ends_a_program_that_is_being_loaded_or_taken_down(code: str) -> None:
    assert run(code) == (-signal.SIGINT, "", "")


def test_what_ignores_it_goes_on_doing_so() -> None:
    assert run("os.kill(os.getpid(), 2); end_by_ctrl_c(); os.kill(os.getpid(), 2)", signal.SIG_IGN) == (
        0,
        "",
        "",
    )
