from pathlib import Path

import cv2
import numpy as np

from device_runtime.locate.locator import Found
from lprnet.data.photographs import LabelledPlate, Photograph
from lprnet.evaluation.locator import compare
from lprnet.evaluation.locator_sheet import BLUE, GREEN, HEIGHT, RED, WIDTH, of_scenes, worst
from lprnet.scenes.scene import Placed, Role, Scene


def _has(image: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((np.abs(image.astype(int) - color).max(2) < 30).any())


def test_errors_are_shown_missed_plates_first(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((200, 400, 3), 120, np.uint8))
    corners = np.array([[[200, 100], [260, 100], [260, 120], [200, 120]]], np.float32)
    score = np.array([0.7], np.float32)
    found = Found(corners, score, score, score, np.zeros(1, np.float32))
    photograph = Photograph(path=path, plates=(LabelledPlate((20, 20, 80, 40)),))
    sheet = worst([compare(photograph, found, 1)], 5, columns=2)
    assert sheet.shape == (HEIGHT, 2 * WIDTH, 3)
    missed, false = sheet[:, :WIDTH], sheet[:, WIDTH:]
    assert _has(missed, RED) and not _has(missed, BLUE)
    assert _has(false, BLUE) and not _has(false, RED)
    assert worst([], 5).shape == (HEIGHT, WIDTH, 3)


def test_scenes_are_shown_with_their_plates() -> None:
    corners = np.array([[10, 10], [40, 10], [40, 20], [10, 20]], np.float32)
    image = np.full((48, 64, 3), 90, np.uint8)
    scenes = [Scene(image, (Placed(corners, 1),)), Scene(image, (Placed(corners, 1, Role.IGNORED),))] * 2
    sheet = of_scenes(scenes[:3], 2)
    assert sheet.shape == (96, 128, 3) and image.min() == 90
    assert _has(sheet[:48, :64], GREEN) and _has(sheet[:48, 64:], RED)
    assert (sheet[48:, 64:] == 255).all()
