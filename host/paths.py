"""Where the parts of the repository lie, and what is made beside them."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DEVICE_PACKAGE = REPOSITORY / "device_runtime"
"""What a board runs; its wheel is in every bundle."""
SAMPLES = REPOSITORY / "lprnet" / "samples"
"""Rendered plates, named by their text: calibration, golden inputs and `make demo`."""
LATIN_SAMPLES = REPOSITORY / "lprnet" / "samples_latin"
"""The same for readers of Latin letters."""
KOREAN_SAMPLES = REPOSITORY / "lprnet" / "samples_kr"
"""The same for readers of Korean plates."""
TARGETS = REPOSITORY / "targets"
"""Profiles of boards, a .toml each."""
TUNED = TARGETS / "tuned"
"""Tuning records, a .json for a target."""
CACHE = REPOSITORY / ".cache"
"""What is downloaded or built once."""
BUILD = REPOSITORY / "build"
"""What is made for the user, or takes hours to make: `make clean` removes it."""
