import numpy as np

from lprnet.evaluation.locator import figures, measure, rendered
from lprnet.locator.checkpoint import load_weights
from lprnet.locator.locate import locator_of
from lprnet.weights import LOCATOR


def test_the_shipped_locator_finds_most_rendered_plates() -> None:
    """On scenes of a seed that it was not trained on."""
    assert LOCATOR.stat().st_size < 1_500_000
    locator = locator_of(load_weights(LOCATOR))
    (outcomes,) = measure(locator, rendered(1 << 20, 16), [0.2])
    result = figures(outcomes)
    assert result.n > 12 and result.found >= 0.7 * result.n and result.false_per_photo < 0.3
    assert result.corner_error is not None and result.corner_error < 0.08


def test_the_shipped_locator_finds_no_plate_in_nothing() -> None:
    locator = locator_of(load_weights(LOCATOR))
    for shade in (0, 114, 255):
        assert len(locator.locate(np.full((360, 480, 3), shade, np.uint8), 0.4)) == 0
