from __future__ import annotations

import json

import numpy as np
import pytest

from device_runtime.sinks.jsonl import JsonLines
from tests.device_runtime.results import result

FRAME = np.zeros((4, 4, 3), np.uint8)


def test_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    sink = JsonLines()
    sink.add(result("京A", "a\nb.png", image=FRAME))
    sink.add(result("京A", "b.png", image=FRAME, truth="京B"))
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {
        "source": "a\nb.png",
        "plate": "京A",
        "confidence": 0.9,
        "characters": [{"character": "京", "confidence": 0.9}, {"character": "A", "confidence": 0.9}],
        "timings_ms": {"read": 1.0, "infer": 2.5, "total": 3.5},
    }
    assert second == first | {"source": "b.png", "truth": "京B", "correct": False}
