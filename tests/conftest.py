"""Loaded before any test module."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# A bundle's copy of TVM's runtime and the tvm package's cannot live in one process; loaded first, the
# package's is what device_runtime uses too. Tests of the bundle's own copy start a process of their own.
import tvm  # noqa: F401

from lprnet.console import LOGGERS


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """What a command run by a test set up for its log does not reach the next test."""
    before = {name: (logging.getLogger(name).level, logging.getLogger(name).handlers) for name in LOGGERS}
    yield
    for name, (level, handlers) in before.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).handlers = handlers


@pytest.fixture(scope="session")
def shared() -> Path:
    """Public checkpoint and real plates, which are not part of the project."""
    folder = Path(os.environ.get("LPR_SHARED") or Path(__file__).parent.parent.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"no real plates in {folder}; name their folder with LPR_SHARED")
    return folder
