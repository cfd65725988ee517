from __future__ import annotations

import re

import numpy as np
import pytest

from device_runtime.read.grammar import DIGITS, LETTERS
from lprnet.plates import render, stream
from lprnet.plates.europe import BAND
from lprnet.plates.kinds import KINDS, MIXES, characters_of, random_text
from lprnet.plates.layout import Kind


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("d-a-aa-0000", r"[A-Z]{3}[1-9][0-9]{3}"),
        ("d-aaa-a-00", r"[A-Z]{4}[1-9][0-9]"),
        ("nl-00-aaa-0", r"[0-9]{2}[BDFGHJKLNPRSTVXZ]{3}[0-9]"),
        ("nl-a-000-aa", r"[BDFGHJKLNPRSTVXZ][0-9]{3}[BDFGHJKLNPRSTVXZ]{2}"),
    ],
)
def test_european_texts(kind: str, pattern: str) -> None:
    rng = np.random.default_rng(0)
    texts = [random_text(rng, kind) for _ in range(200)]
    assert all(re.fullmatch(pattern, text) for text in texts)
    assert len(set(texts)) > 150


def test_european_mix_shows_letters_and_digits_only() -> None:
    crops = [crop for crop, _ in zip(stream(3, kind="eu"), range(300), strict=False)]
    assert set("".join(crop.text for crop in crops)) == characters_of("eu") == set(DIGITS + LETTERS + "IO")
    assert {crop.kind for crop in crops} == MIXES["eu"].keys()
    assert all(np.array_equal(crop.image, render(3, i, kind="eu").image) for i, crop in enumerate(crops[:20]))


@pytest.mark.parametrize("kind", [KINDS[name] for name in MIXES["eu"]], ids=lambda k: k.name)
def test_european_characters_fit_beside_the_band(kind: Kind) -> None:
    """Seals and dashes are in the gaps, and nothing runs into another or out of the plate."""
    ends = [cell.left + cell.width for cell in kind.cells]
    assert kind.cells[0].left > BAND and ends[-1] < kind.width
    gaps = list(zip(ends[:-1], [cell.left for cell in kind.cells[1:]], strict=True))
    assert all(right - left >= 8.9 for left, right in gaps)
    for middle in (*kind.seals, *kind.dashes):
        assert any(left + 15 < middle < right - 15 for left, right in gaps)
    assert len(kind.seals) == (kind.country == "D") and len(kind.dashes) == 2 * (kind.country == "NL")
