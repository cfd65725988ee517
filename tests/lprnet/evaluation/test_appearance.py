import cv2
import numpy as np

from lprnet.evaluation.appearance import MEASURES, measure, summaries
from lprnet.plates import render


def test_measures_of_appearance() -> None:
    flat = np.full((24, 94, 3), (200, 100, 100), np.uint8)
    brightness, contrast, colour, sharpness = measure(flat)
    assert 100 < brightness < 130 and contrast == 0 == sharpness and colour == 100
    plates = [render(1, i, 0.0, "blue").image for i in range(8)]
    blurred = [cv2.GaussianBlur(image, (0, 0), 1.5) for image in plates]
    grey = [np.repeat(image.mean(2, keepdims=True), 3, 2).astype(np.uint8) for image in plates]
    for plate, soft, pale in zip(plates, blurred, grey, strict=True):
        assert measure(soft)[3] < 0.7 * measure(plate)[3] and measure(soft)[1] < measure(plate)[1]
        assert measure(pale)[2] == 0 < measure(plate)[2]
    rows = summaries([("sharp", plates), ("soft", blurred)])
    assert [row[:2] for row in rows] == [("sharp", "8"), ("soft", "8")]
    assert all(len(row) == 2 + len(MEASURES) for row in rows)
