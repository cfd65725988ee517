from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from host.bench.runtimes import torch_int8_peer
from host.network.integer import run
from host.network.simplify import simplify
from host.paths import SAMPLES
from host.quantize import quantize
from host.quantize.calibration import read_samples
from lprnet.network.checkpoint import load_checkpoint
from lprnet.weights import DEFAULT


def test_torch_computes_the_same_integers(tmp_path: Path) -> None:
    samples = read_samples(SAMPLES, 16)
    quantized = quantize(simplify(load_checkpoint(DEFAULT)), samples)
    assert torch_int8_peer.save(quantized, tmp_path) < 700_000
    session = torch_int8_peer.load(tmp_path, "int8", 1)
    largest = []
    for sample in samples[:4]:
        expected = run(quantized, torch.from_numpy(sample[None])).numpy()
        actual = session(sample[None])
        np.testing.assert_array_equal(actual.argmax(1), expected.argmax(1))
        largest.append(np.abs(actual - expected).max())
    # Torch multiplies its scales in another order, so that a sum near a half may round the other way.
    assert min(largest) < 1e-3 and max(largest) < 0.5
