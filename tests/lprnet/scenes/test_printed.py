import numpy as np
import pytest

from lprnet.scenes.printed import BANK, HEIGHT, SORTS, printed, spelled


@pytest.mark.parametrize("sort", SORTS)
def test_words_fill_their_height_and_are_always_the_same(sort: str) -> None:
    words = [printed(sort, i) for i in range(12)]
    printed.cache_clear()
    for i, mask in enumerate(words):
        assert mask.shape[0] == HEIGHT and mask.shape[1] >= 4 and mask.dtype == np.uint8
        assert mask.max() > 150 and mask[:, 0].any() and mask[:, -1].any()
        assert np.array_equal(mask, printed(sort, i + BANK))
    assert len({mask.tobytes() for mask in words}) > 6


def test_places_of_patterns_are_filled() -> None:
    rng = np.random.default_rng(1)
    for sort in SORTS:
        for _ in range(40):
            text = spelled(rng, sort)
            assert text and not set("~%#*") & set(text.removesuffix("%")), text
