from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lprnet.plates import render
from lprnet.scenes.crops import NOTHING, TWO_ROWS, Crops, Subject, missed, stacked
from lprnet.scenes.face import Face
from lprnet.scenes.frames import Frame, no_boxes
from lprnet.scenes.scene import height_of

REAL = tuple((crop.image, crop.text) for crop in (render(5, i, 0.2) for i in range(4)))
FRAME = Frame(
    np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8),
    np.array([[100, 100, 180, 130]], np.float32),
)


def test_the_same_seed_gives_the_same_crops() -> None:
    crops = Crops((FRAME,), real=REAL, found=(FRAME.image[:144, :240],))
    for seed in range(30):
        first, again = (crops.sample(np.random.default_rng(seed)) for _ in range(2))
        assert first[1] == again[1]
        assert np.array_equal(first[0], again[0])
        assert first[0].shape == (24, 94, 3)
        assert first[0].dtype == np.uint8


def test_shares() -> None:
    rng = np.random.default_rng(2)
    texts = [Crops(nothing=0.5).sample(rng)[1] for _ in range(60)]
    assert 15 <= texts.count(NOTHING) <= 45
    assert all(7 <= len(text) <= 8 for text in texts if text)
    assert Crops(nothing=0).sample(rng)[1]
    assert {Crops(two_rows=1, real=REAL).subject(rng).face.rows for _ in range(9)} == {2}


def test_real_crops_keep_their_texts() -> None:
    rng = np.random.default_rng(3)
    crops = Crops(real=REAL, from_real=1.0, nothing=0)
    assert {crops.sample(rng)[1] for _ in range(12)} <= {text for _, text in REAL}


@pytest.mark.parametrize("kind", TWO_ROWS)
def test_a_kind_that_is_asked_for(kind: str) -> None:
    assert Crops(kind=kind).subject(np.random.default_rng(1)).face.rows == 2


def test_plates_of_a_country_have_its_two_rows_joined_or_one_of_them() -> None:
    rng = np.random.default_rng(8)
    joined = Crops(kind="kr", two_rows=1, nothing=0, apart=0)
    texts = [joined.plate(rng).text for _ in range(8)]
    assert all(7 <= len(text) <= 9 for text in texts)
    alone = replace(joined, apart=1.0)
    for _ in range(8):
        subject = alone.subject(rng)
        assert subject.face.rows == 2
        assert subject.face.first_row in (3, 4)
    texts = [alone.plate(rng).text for _ in range(12)]
    assert {len(text) for text in texts} <= {3, 4, 5}
    assert Crops(kind="us", two_rows=1).subject(rng).face.rows == 1, "it has none with two rows"


def test_streets_show_nothing_of_a_plate() -> None:
    frame = np.zeros((240, 320, 3), np.uint8)
    frame[100:130, 100:180] = 255
    crops = Crops((Frame(frame, FRAME.boxes),))
    rng = np.random.default_rng(4)
    assert max(int(crops.street(rng, 1, 0.0).image.max()) for _ in range(40)) < 128


def test_a_plate_is_where_it_is_said_to_be() -> None:
    white = Subject(Face(np.full((70, 220, 3), 255, np.uint8), 1))
    rng = np.random.default_rng(5)
    crops = Crops((Frame(np.zeros((300, 300, 3), np.uint8), no_boxes()),))
    for _ in range(5):
        canvas, corners = crops.place(rng, white, 120, 0.0)
        x, y = corners.mean(0).astype(int)
        assert canvas[y, x].min() > 60
        assert (corners.min(0) > 0).all()
        assert (corners.max(0) < canvas.shape[1::-1]).all()


def test_a_locator_misses_by_some_per_cent() -> None:
    corners = np.array([[0, 0], [200, 0], [200, 60], [0, 60]], np.float32)
    rng = np.random.default_rng(6)
    off = np.array([missed(rng, corners) - corners for _ in range(300)])
    assert 0.02 < np.median(np.linalg.norm(off, axis=2)) / height_of(corners) < 0.08


def test_a_crop_in_two_rows_has_all_of_its_pixels() -> None:
    image = np.zeros((24, 94, 3), np.uint8)
    image[:, :30] = (0, 0, 255)
    image[:, 33:] = (255, 0, 0)
    for seed in range(4):
        plate = stacked(np.random.default_rng(seed), image)
        assert plate[20, 110, 2] > 200
        assert plate[90, 110, 0] > 200


def test_digests() -> None:
    assert Crops((FRAME,)).digest() == Crops((FRAME,)).digest()
    others = (Crops(), Crops((FRAME,), nothing=0.1), Crops((FRAME,), real=REAL), Crops((FRAME,), kind="blue"))
    assert len({crops.digest() for crops in (Crops((FRAME,)), *others)}) == 5


def test_upright_boxes_hold_more_than_the_plate() -> None:
    """Cut along its corners a plate fills the crop, in a box the street is around it."""
    found = {
        share: [Crops(nothing=0, two_rows=0, boxed=share).plate(np.random.default_rng(i)) for i in range(12)]
        for share in (0.0, 1.0)
    }
    assert [crop.text for crop in found[0.0]] == [crop.text for crop in found[1.0]]
    assert sum(not np.array_equal(a.image, b.image) for a, b in zip(*found.values(), strict=True)) == 12
    assert Crops(boxed=0.5).digest() != Crops().digest()
