import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from lprnet.training.running import METRICS
from lprnet.training.state import STATE
from tests.lprnet.helpers import lprnet


@pytest.mark.slow
def test_command_stops_cleanly_and_goes_on(tmp_path: Path) -> None:
    """The signal goes to all its processes, as a terminal and a service manager send it."""
    command = [sys.executable, "-m", "lprnet.cli", "train", "--output", str(tmp_path / "run"), "--hours", "1"]
    process = subprocess.Popen(
        [*command, "--batch", "4"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    metrics = tmp_path / "run" / METRICS
    deadline = time.monotonic() + 300
    while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.2)
    workers = psutil.Process(process.pid).children()
    assert workers
    os.killpg(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert not psutil.wait_procs(workers, timeout=30)[1]
    line = json.loads(metrics.read_text().splitlines()[0])
    assert line["step"] == 100 and line["samples"] == 400 and np.isfinite(line["loss"])
    first = torch.load(tmp_path / "run" / STATE, weights_only=True)
    assert first["samples"] >= 400
    again = lprnet(
        "train", "--output", str(tmp_path / "run"), "--samples", str(first["samples"] + 4), "--batch", "4"
    )
    assert again.returncode == 0, again.stderr
    assert torch.load(tmp_path / "run" / STATE, weights_only=True)["samples"] == first["samples"] + 4
