import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from lprnet.data.photographs import LABELS, read_photographs


def _line(folder: Path, **values: object) -> None:
    with (folder / LABELS).open("a", encoding="utf-8") as file:
        print(json.dumps(values), file=file)


def test_lines_give_boxes_corners_texts_and_rides(tmp_path: Path) -> None:
    corners = [[1, 2], [11, 2], [11, 5], [1, 5]]
    _line(
        tmp_path, file="a.jpg", ride="r1", plates=[{"text": "AB1", "box": [1, 2, 10, 3], "corners": corners}]
    )
    _line(tmp_path, file="b.jpg", width=9, height=9, plates=[])
    first, second = read_photographs(tmp_path)
    assert first.path == tmp_path / "a.jpg" and first.ride == "r1"
    assert first.plates[0].box == (1, 2, 11, 5) and first.plates[0].text == "AB1"
    assert first.plates[0].corners is not None and np.array_equal(first.plates[0].corners, corners)
    assert second.plates == () and second.ride == ""


def test_ccpd_names_give_corners_from_the_top_left_clockwise(tmp_path: Path) -> None:
    name = "004-90_268-329&567_450&602-450&602_329&601_330&569_449&567-0_0_3_26_26_33_27_33-176-28.jpg"
    cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    (photograph,) = read_photographs(tmp_path)
    (plate,) = photograph.plates
    assert plate.box == (329, 567, 450, 602) and plate.width == 121 and plate.text == "皖AD22939"
    assert plate.corners is not None
    assert plate.corners.tolist() == [[330, 569], [449, 567], [450, 602], [329, 601]]
    assert photograph.read().shape == (8, 8, 3)


@pytest.mark.parametrize(
    "line",
    ['{"file": "a.jpg"}', "{", '{"file": "a.jpg", "plates": [{"box": [1, 2, 3, 4], "corners": [[1, 2]]}]}'],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / LABELS).write_text('{"file": "a.jpg", "plates": []}\n' + line + "\n")
    with pytest.raises(FatalError, match=rf"{LABELS}:2"):
        read_photographs(tmp_path)


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="no such folder"):
        read_photographs(tmp_path / "none")
    cv2.imwrite(str(tmp_path / "holiday.jpg"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(FatalError, match="holds no box"):
        read_photographs(tmp_path)


@pytest.mark.parametrize("text", ["0_99_3", "0_A_3", ""])
def test_ccpd_indices_that_spell_nothing_are_refused(tmp_path: Path, text: str) -> None:
    name = f"004-90_268-329&567_450&602-450&602_329&601_330&569_449&567-{text}-176-28.png"
    cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(FatalError, match="holds no box"):
        read_photographs(tmp_path)
