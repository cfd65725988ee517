"""What tests of lprnet share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from device_runtime.read.decode import Decoded
from lprnet.data.dataset import Sample
from lprnet.data.mixture import Mixture
from lprnet.evaluation.evaluate import Outcome
from lprnet.network.alphabet import OWN
from lprnet.plates import render
from lprnet.training.loop import Run
from lprnet.training.settings import Budget, Settings

SMALL = Settings(batch=8, workers=0, warmup=4, learning_rate=3e-3, save_seconds=1e9)
"""Of runs of a few steps."""


def real_crops(count: int = 4) -> tuple[Sample, ...]:
    """What stands for real crops: easy blue plates."""
    return tuple((c.image, c.text) for c in (render(8, i, 0.2, "blue") for i in range(count)))


def outcome(text: str, read: str, confidence: float = 0.5) -> Outcome:
    """A black plate of *text*, read as *read*."""
    image = np.zeros((24, 94, 3), np.uint8)
    return Outcome(image, text, Decoded(read, confidence, (confidence,) * len(read)))


def run_of(folder: Path, budget: Budget, **changes: Any) -> Run:
    """A run on rendered plates, but for what *changes* say."""
    settings: dict[str, Any] = {"alphabet": OWN, "mixture": Mixture(1), "settings": SMALL}
    return Run(folder=folder, budget=budget, **(settings | changes))


def lprnet(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`lprnet` in a process of its own."""
    command = [sys.executable, "-m", "lprnet.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
