from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.sinks.pictures import OVERVIEW_NAME
from host.show.file import Contents, render
from host.show.pictures import MOST, WIDTH, read_pictures
from tests.reports import made


def test_pictures_are_shrunk_and_the_overview_is_left_out(tmp_path: Path) -> None:
    for number in range(MOST + 2):
        cv2.imwrite(str(tmp_path / f"street-{number:02}.png"), np.full((900, 1600, 3), number, np.uint8))
    cv2.imwrite(str(tmp_path / OVERVIEW_NAME), np.zeros((90, 160, 3), np.uint8))
    pictures = read_pictures(tmp_path)
    assert [picture.caption for picture in pictures] == [f"street-{number:02}" for number in range(MOST)]
    assert {(picture.width, picture.height) for picture in pictures} == {(WIDTH, 405)}
    code = base64.b64decode(pictures[3].address.removeprefix("data:image/jpeg;base64,"))
    decoded = cv2.imdecode(np.frombuffer(code, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None and decoded.shape == (405, WIDTH, 3)


def test_names_of_pictures_are_text_not_html(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / '"><script>.png'), np.zeros((9, 16, 3), np.uint8))
    text = render(Contents(reports=[made()], pictures=read_pictures(tmp_path)))
    assert '"><script>.' not in text and "&#34;&gt;&lt;script&gt;" in text


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="no such folder"):
        read_pictures(tmp_path / "none")
    with pytest.raises(FatalError, match="holds no images"):
        read_pictures(tmp_path)
    cv2.imwrite(str(tmp_path / OVERVIEW_NAME), np.zeros((9, 16, 3), np.uint8))
    with pytest.raises(FatalError, match="holds no pictures"):
        read_pictures(tmp_path)
