from __future__ import annotations

import numpy as np

from device_runtime.errors import FatalError
from device_runtime.sinks.sink import Sink
from device_runtime.sources.frame import Unreadable
from tests.device_runtime.results import result

FRAME = np.zeros((4, 4, 3), np.uint8)


def test_a_sink_does_nothing_by_itself() -> None:
    sink = Sink()
    sink.add(result("A", image=FRAME))
    sink.miss(Unreadable("x", FatalError("x", "is odd", "look")))
    sink.close()


def test_the_text_of_a_frame_is_the_labelled_plates_or_the_surest() -> None:
    assert result("A", "B", image=FRAME).text == "A"
    assert result("A", "B", image=FRAME, truth="B").text == "B"
    assert result("A", "B", image=FRAME, truth="C").text == "A"
    assert result("", image=FRAME, truth="").text == result(image=FRAME).text == ""
