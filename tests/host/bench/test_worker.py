from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from host.bench import protocol
from host.bench.client import Worker, WorkerError
from host.bench.measure import pick_cpus
from host.bench.runtimes import OURS, RUNTIMES


def load_of(bundle: Path) -> protocol.Load:
    return protocol.Load(module=RUNTIMES[OURS].module, precision="fp32", folder=str(bundle), threads=1)


def test_worker_answers_failures_and_goes_on(tmp_path: Path) -> None:
    with Worker(Path(sys.executable), pick_cpus(1)) as worker:
        with pytest.raises(WorkerError, match="no model is loaded"):
            worker.ask(protocol.Time("inputs.npy", 1, 0), 60)
        with pytest.raises(WorkerError, match=r"manifest\.json"):
            worker.ask(load_of(tmp_path), 60)
        reply = worker.ask(protocol.Versions(("numpy", "no-such-distribution")), 60)
        assert reply == protocol.Installed({"numpy": np.__version__})


def test_own_worker_has_no_compiler(bundle: Path) -> None:
    with Worker(Path(sys.executable), pick_cpus(1)) as worker:
        worker.ask(load_of(bundle), 60)
        mapped = Path(f"/proc/{worker._process.pid}/maps").read_text()
    assert str(bundle / "model.so") in mapped
    assert "libtvm_compiler" not in mapped and "libtorch" not in mapped
