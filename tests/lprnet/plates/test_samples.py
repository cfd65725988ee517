from __future__ import annotations

from lprnet.plates.kinds import MIX, MIXES
from lprnet.plates.samples import sample_plates


def test_samples_are_of_every_kind_and_text_is_unique() -> None:
    crops = sample_plates(1, 60)
    assert len({crop.text for crop in crops}) == 60
    assert {crop.kind for crop in crops} == MIX.keys()
    assert {crop.kind for crop in sample_plates(1, 100, "gb")} == MIXES["gb"].keys()
    assert {crop.kind for crop in sample_plates(1, 100, "eu")} <= MIXES["eu"].keys()
