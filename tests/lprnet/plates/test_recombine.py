import cv2
import numpy as np
import pytest

from lprnet.data.mixture import Mixture
from lprnet.plates.plate import random_plate
from lprnet.plates.recombine import Stock, donor, stock

TEXTS = ("皖A12345", "苏BKL6R7", "沪CD890E", "京FGH2M4")


def _crop(text: str, tilt: float = 0.0, seed: int = 0, kind: str = "blue") -> tuple[np.ndarray, np.ndarray]:
    """A plate in a crop that it nearly fills, uint8[24,94,3], and where its corners are in a unit crop."""
    plate = random_plate(np.random.default_rng(seed), kind, text).image
    h, w = plate.shape[:2]
    corners = np.array([[0.04, 0.1], [0.97, 0.1 + tilt], [0.96, 0.92], [0.03, 0.92 - tilt]], np.float32)
    transform = cv2.getPerspectiveTransform(
        np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32), corners * np.array([188, 48], np.float32)
    )
    scene = cv2.warpPerspective(plate, transform, (188, 48), borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(scene, (94, 24), interpolation=cv2.INTER_AREA), corners


def _stock() -> Stock:
    return stock([(_crop(text, seed=i)[0], text) for i, text in enumerate(TEXTS)])


@pytest.mark.parametrize("tilt", [-0.15, 0.0, 0.15])
@pytest.mark.parametrize(
    ("kind", "text"), [("blue", "皖A1E345"), ("yellow", "苏B77K8Q"), ("green-small", "粤BD12345")]
)
def test_cells_are_found(kind: str, text: str, tilt: float) -> None:
    crop, corners = _crop(text, tilt, kind=kind)
    found = donor(crop, text)
    assert found is not None
    h, w = found.front.shape[:2]
    square = np.array([[[0, 0], [w, 0], [w, h], [0, h]]], np.float32)
    seen = cv2.perspectiveTransform(square, found.transform)[0]
    assert np.abs(seen - corners * [188, 48]).max() < 4.5
    dark_ink = found.tones[:, 1].mean() < found.tones[:, 0].mean()
    assert dark_ink == (kind != "blue")


@pytest.mark.parametrize("text", ["A12345", "使123456", "皖A1234", "K-AB-123"])
def test_plates_without_known_cells_give_nothing(text: str) -> None:
    assert donor(_crop("皖A12345")[0], text) is None


def test_crops_without_their_text_give_nothing() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (24, 94, 3)).astype(np.uint8)
    assert donor(noise, "皖A12345") is None
    assert donor(np.full((24, 94, 3), 90, np.uint8), "皖A12345") is None
    assert donor(_crop("皖A12345")[0], "苏WMHXUW") is None


def test_characters_come_from_the_donors() -> None:
    parts, rng = _stock(), np.random.default_rng(1)
    assert len(parts.donors) == len(TEXTS)
    texts = [parts.sample(rng, 0.5)[1] for _ in range(200)]
    assert len(set(texts)) > 150
    assert {text[0] for text in texts} == {text[0] for text in TEXTS}
    anywhere = {character for text in TEXTS for character in text[1:]}
    for text in texts:
        assert len(text) == 7 and text[1].isalpha() and set(text[1:]) <= anywhere


def test_characters_move_as_they_look() -> None:
    """A recombined plate shows, in every place that was changed, the character that its text names."""
    parts = _stock()
    rng = np.random.default_rng(2)
    checked = 0
    for _ in range(60):
        base, front, mask, text = parts._recombine(rng)
        for place, (old, new) in enumerate(zip(base.text, text, strict=True)):
            cell = base.kind.cells[place]
            box = np.s_[
                round(cell.top / 2) : round((cell.top + cell.height) / 2),
                round(cell.left / 2) : round((cell.left + cell.width) / 2),
            ]
            if mask[box].min() == 0:
                assert new == old
                assert np.array_equal(front[box], base.front[box])
            elif not np.array_equal(front[box], base.front[box]):
                checked += 1
                likeness = {c: _likeness(front[box], c, parts) for c in {old, new}}
                assert max(likeness, key=lambda c: likeness[c]) == new
    assert checked > 60


def _likeness(pixels: np.ndarray, character: str, parts: Stock) -> float:
    """Highest correlation of a cell's *pixels* with *character* on any donor."""
    best = -1.0
    for d in parts.donors:
        for place, c in enumerate(d.text):
            if c == character:
                cell = d.kind.cells[place]
                y, x = round(cell.top / 2), round(cell.left / 2)
                other = d.front[y : y + pixels.shape[0], x : x + pixels.shape[1]]
                grey = [np.abs(p - np.median(p, (0, 1))).sum(2).ravel() for p in (pixels, other)]
                best = max(best, float(np.corrcoef(*grey)[0, 1]))
    return best


def test_samples_depend_on_the_generator_only() -> None:
    parts = _stock()
    a, b, c = (parts.sample(np.random.default_rng(seed), 1.0) for seed in (5, 5, 6))
    assert a[1] == b[1] and np.array_equal(a[0], b[0])
    assert not np.array_equal(a[0], c[0])
    assert a[0].shape == (24, 94, 3) and a[0].dtype == np.uint8


def test_mixture_draws_recombined_samples() -> None:
    crops = tuple((_crop(text, seed=i)[0], text) for i, text in enumerate(TEXTS))
    mixture = Mixture(3, real=crops, real_fraction=1.0, stock=stock(crops), recombined=0.5)
    texts = [mixture.sample(i)[1] for i in range(200)]
    new = sum(text not in TEXTS for text in texts)
    assert 60 < new < 140
    again = [mixture.sample(i) for i in (7, 3)]
    assert [text for _, text in again] == [texts[7], texts[3]]
