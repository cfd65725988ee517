"""Where the parts of the repository lie."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DEVICE_PACKAGE = REPOSITORY / "device_runtime"
SAMPLES = REPOSITORY / "lprnet" / "samples"
"""Rendered plates, named by their text: calibration, golden inputs and `make demo`."""
TARGETS = REPOSITORY / "targets"
TUNED = TARGETS / "tuned"
CACHE = REPOSITORY / ".cache"
"""What is downloaded or built once."""
BUILD = REPOSITORY / "build"
