"""The programs as they are installed: how they begin and end; what they do in between is tested as `cli`."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["host", "lprnet"])
def test_ctrl_c_while_it_loads_says_nothing(package: str) -> None:
    code = (
        "import os, signal, sys\n"
        "class Ctrl:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == '{package}.cli': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Ctrl())\n"
        f"from {package}.program import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize("package", ["host", "lprnet"])
def test_the_status_comes_out(package: str) -> None:
    done = subprocess.run([sys.executable, "-m", f"{package}.program", "--nothing"], capture_output=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
