from __future__ import annotations

import cv2
import numpy as np

from lprnet.plates import camera, render
from lprnet.plates.camera import photograph, rephotograph
from lprnet.plates.plate import random_plate


def test_only_strong_distortions_leave_a_lot_of_car_around_the_plate() -> None:
    """Both sides together a fifth of the crop or more."""
    rng = np.random.default_rng(4)
    loose = {
        strength: sum(np.ptp(camera._corners(rng, strength)[:, 0]) < 0.8 for _ in range(1000))
        for strength in (0.5, 1.0)
    }
    assert loose[0.5] == 0
    assert 20 < loose[1.0] < 80


def test_rephotograph_keeps_the_picture() -> None:
    rng = np.random.default_rng(0)
    crop = render(4, 0, 0.0, "blue").image
    for size in ((94, 24), (136, 36), (40, 12)):
        again = rephotograph(rng, np.asarray(cv2.resize(crop, size), np.uint8))
        assert again.shape == (24, 94, 3) and again.dtype == np.uint8
    weak = rephotograph(rng, crop, 0.0).astype(int)
    assert np.abs(weak - crop).mean() < 12


def test_rephotograph_sets_some_crops_into_more_of_a_car() -> None:
    """Of a red crop the corners are red, except where surroundings were added."""
    red = np.zeros((24, 94, 3), np.uint8)
    red[:] = 20, 20, 200

    def share(strength: float) -> float:
        rng = np.random.default_rng(2)
        rest = 0
        for _ in range(300):
            crop = rephotograph(rng, red, strength).astype(int)
            colors = np.stack([crop[2:22, 8:86].mean((0, 1)), crop[-1, -1], crop[0, 0]])
            colors = colors / colors.sum(1, keepdims=True).clip(1)
            rest += bool(np.abs(colors[1:] - colors[0]).max() > 0.25)
        return rest / 300

    assert share(0.0) == 0
    assert 0.08 < share(1.0) < 0.3


def test_strength_adds_distortion() -> None:
    plate = random_plate(np.random.default_rng(0), "blue", "京A12345").image
    clean = photograph(np.random.default_rng(1), plate, 0.0).astype(int)

    def distance(strength: float) -> float:
        return float(
            np.mean(
                [
                    np.abs(photograph(np.random.default_rng(i), plate, strength).astype(int) - clean).mean()
                    for i in range(40)
                ]
            )
        )

    assert distance(0.0) < distance(0.4) < distance(1.0)


def test_a_box_leaves_room_around_a_plate_that_is_turned() -> None:
    """Of a white plate on a darker car less of the crop is bright, and the corners hold what is around it."""
    plate = np.full((110, 520, 3), 250, np.uint8)
    bright = {
        boxed: np.mean(
            [
                [(crop > 160).mean(), (crop[[0, 0, -1, -1], [0, -1, 0, -1]] > 160).mean()]
                for crop in (
                    photograph(np.random.default_rng(i), plate, 0.6, boxed=boxed) for i in range(200)
                )
            ],
            0,
        )
        for boxed in (False, True)
    }
    assert np.all(bright[True] < 0.9 * bright[False])
