from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from host.bench import models, protocol
from host.bench.data import load_images
from host.bench.measure import pick_cpus
from host.bench.models import Configuration, Place
from host.bench.runtimes import RUNTIMES, ModelSource
from host.paths import REPOSITORY
from lprnet.network.checkpoint import load_checkpoint


def bench_python() -> Path:
    """What `make bench` installs, where somebody has run it."""
    own = REPOSITORY / ".venv-bench/bin/python"
    return own if own.exists() else Path(sys.executable)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "ncnn", "litert", "torch"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_peer_computes_the_network(
    name: str, precision: str, weights: Path, images: Path, tmp_path: Path
) -> None:
    spec = RUNTIMES[name]
    if precision not in spec.precisions:
        pytest.skip(f"{name} has no {precision}")
    python = bench_python()
    versions = models.installed(python)
    if missing := [d for d in spec.distributions[precision] if d not in versions]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    found = load_images([images])
    inputs = found.save(tmp_path)
    place = Place(python, "native", None)
    source = ModelSource(checkpoint=weights, calibration=inputs, isa="native", target="native")
    model = models.prepare(Configuration(name, precision), source, place, versions, tmp_path / "cache")
    load = protocol.Load(module=spec.module, precision=precision, folder=str(model.folder), threads=1)
    with place.worker(name, pick_cpus(1)) as worker:
        worker.ask(load, 120)
        worker.ask(protocol.Evaluate(str(inputs), str(tmp_path / "logits.npy")), 120)
    with torch.inference_mode():
        expected = load_checkpoint(weights).model()(torch.from_numpy(found.tensors)).numpy()
    logits = np.load(tmp_path / "logits.npy")
    assert logits.shape == expected.shape
    error = np.abs(logits - expected).max() / np.abs(expected).max()
    assert error < {"fp32": 1e-4, "int8": 0.1}[precision]
    limit = {"fp32": 2_000_000, "int8": 750_000}[precision]
    assert model.bytes < limit
