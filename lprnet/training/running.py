"""What every training run does besides learning: its folder, its metrics, and stopping when asked to."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from device_runtime.errors import FatalError
from lprnet.training.state import State

LOG = logging.getLogger(__name__)

METRICS = "metrics.jsonl"
"""In a run's folder: one JSON object a line."""
WINDOW = 100
"""Steps between two lines of metrics."""


def make_folder(folder: Path) -> None:
    """Make a run's folder, if there is none.

    Raises:
        FatalError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FatalError(str(folder), error.strerror or str(error), "choose another --output") from None


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Inside, SIGINT and SIGTERM are noted instead of ending the process."""
    seen: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(s, lambda number, _: seen.append(number)) for s in signals]
    try:
        yield lambda: bool(seen)
    finally:
        for s, handler in zip(signals, before, strict=True):
            signal.signal(s, handler)


class Metrics:
    """The file of metrics, and the log, which tell where a run is."""

    def __init__(self, path: Path, state: State[Any]) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._state = state

    def write(self, values: Mapping[str, Any]) -> None:
        """Add a line of *values* to the file, after the run's step and samples, and one to the log."""
        step, samples = self._state.step, self._state.samples
        print(json.dumps({"step": step, "samples": samples, **values}), file=self._file, flush=True)
        shown = " ".join(f"{name} {value}" for name, value in values.items() if name != "time")
        LOG.info("step %d samples %d %s", step, samples, shown)

    def __enter__(self) -> Metrics:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
