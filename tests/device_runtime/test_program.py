"""The program as it is installed: how it begins and ends; what it does in between is tested as `cli`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "device_runtime.program"]


def test_the_status_and_all_that_was_printed_come_out(pristine_bundle: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "--bundle", str(pristine_bundle), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "golden inputs within" in done.stdout and done.stderr == ""
    done = subprocess.run([*PROGRAM, "--bundle", "nowhere", "--check"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "when",
    [
        "os.kill(os.getpid(), signal.SIGINT)",
        # Loading is slowed down: any import of it sends the signal.
        "class Ctrl:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'device_runtime.cli': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Ctrl())",
        "cli = types.ModuleType('device_runtime.cli')\n"
        "cli.main = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.modules['device_runtime.cli'] = cli",
    ],
    ids=["before", "while it loads", "before a run has begun"],
)
def test_ctrl_c_says_nothing(when: str) -> None:
    code = f"import os, signal, sys, types\n{when}\nfrom device_runtime.program import main; main()"
    done = subprocess.run(
        # As install.sh has it begin.
        ["env", "--block-signal=INT", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_an_end_with_words_says_them() -> None:
    code = (
        "import sys, types\n"
        "cli = types.ModuleType('device_runtime.cli')\n"
        "def run(): raise SystemExit('error: the shutter is stuck')\n"
        "cli.main = run\n"
        "sys.modules['device_runtime.cli'] = cli\n"
        "from device_runtime.program import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: the shutter is stuck\n")
