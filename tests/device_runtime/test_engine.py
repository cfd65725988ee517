from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from device_runtime.decode import greedy
from device_runtime.engine import Engine, read_golden
from device_runtime.errors import FatalError
from device_runtime.manifest import Manifest


def test_reads_what_the_golden_outputs_say(pristine_bundle: Path) -> None:
    engine = Engine.open(pristine_bundle)
    golden = engine.golden()
    for image, logits in zip(golden.images, golden.logits, strict=True):
        reading = engine.read(image)
        expected = greedy(logits, engine.manifest.alphabet, engine.manifest.blank)
        assert reading.plate == expected.text
        assert reading.confidence == pytest.approx(expected.confidence, abs=1e-3)
        assert list(reading.timings_ms) == ["preprocess", "infer", "decode"]
        assert all(ms > 0 for ms in reading.timings_ms.values())
    assert 0 < engine.golden_difference <= engine.manifest.golden.atol
