from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from host.bench import protocol
from host.bench.client import Worker, WorkerError
from host.bench.measure import pick_cpus


def test_worker_that_cannot_start_says_why() -> None:
    with Worker(Path("/bin/false"), pick_cpus(1)) as worker, pytest.raises(WorkerError, match="status 1"):
        worker.ask(protocol.Versions(("numpy",)), 10)


def test_worker_that_is_killed_says_how() -> None:
    with Worker(Path(sys.executable), pick_cpus(1)) as worker:
        worker.ask(protocol.Versions(("numpy",)), 60)
        worker._process.send_signal(signal.SIGSEGV)
        with pytest.raises(WorkerError, match="SIGSEGV"):
            worker.ask(protocol.Versions(("numpy",)), 10)


def test_worker_that_takes_too_long_is_dropped(tmp_path: Path) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    with Worker(silent, pick_cpus(1)) as worker:
        with pytest.raises(WorkerError, match="no answer within"):
            worker.ask(protocol.Versions(()), 0.2)
        assert worker._process.wait(10) == -signal.SIGKILL
