from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

HELD = """
from pathlib import Path
from device_runtime.service.trim import Trim

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

blocks = [b"x" * 100_000 for _ in range(400)]
last = b"x" * 100_000
del blocks
before = resident()
Trim(60).tick()
assert resident() > before - 1_000_000
Trim(0).tick()
print(before - resident())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not the GNU C library")
def test_what_is_free_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 20_000_000
