from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DAMAGED = """
import os, sys
from device_runtime.descriptors import prepare
prepare()
import numpy as np
from device_runtime.sources.jpeg import cv2, decode_jpeg
whole = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))[1].tobytes()
damaged = whole[:900] + bytes(50) + whole[950:]
for _ in range(3):
    decode_jpeg(damaged)
print("said by us", file=sys.stderr)
os.write(2, b"said by a library\\n")
"""


def run(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, **options
    )  # type: ignore[call-overload, no-any-return]


def test_damaged_pictures_are_nothing_to_print() -> None:
    assert "Corrupt JPEG" in run(DAMAGED.replace("prepare()\n", "\n")).stderr
    assert run(DAMAGED).stderr == "said by us\nsaid by a library\n"


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_what_is_closed_is_no_file_that_is_opened_next(tmp_path: Path, closed: tuple[int, ...]) -> None:
    code = (
        "import os, sys\n"
        f"for number in {closed}: os.close(number)\n"
        "from device_runtime.descriptors import prepare\n"
        "prepare()\n"
        f"file = open({str(tmp_path / 'file')!r}, 'w')\n"
        "os.write(1, b'one'); os.write(2, b'two')\n"
        "print('output', flush=True); print('error', file=sys.stderr, flush=True)\n"
    )
    done = run(code)
    assert done.returncode == 0
    assert done.stdout == ("" if 1 in closed else "oneoutput\n")
    assert done.stderr == ("" if 2 in closed else "twoerror\n")
    assert (tmp_path / "file").read_bytes() == b""
