from __future__ import annotations

from host.endure.names import NAMES
from host.endure.run import Sizes, endure


def test_what_is_named_is_tried_in_turn() -> None:
    outcomes = endure(("kills", "age-mjpeg"), Sizes(kills=1, seconds=0.5))
    assert [outcome.name for outcome in outcomes] == ["kills", "age-mjpeg"]
    assert outcomes[0].state == "passed" and set(NAMES) > {"kills", "age-mjpeg"}
