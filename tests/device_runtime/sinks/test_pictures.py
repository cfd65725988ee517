from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.sinks import pictures
from device_runtime.sinks.pictures import (
    CELL,
    CHARACTERS,
    GREEN,
    RED,
    WHITE,
    Album,
    Caption,
    draw_text,
    frame_picture,
    overview,
    plate_picture,
    save,
    text_width,
)
from device_runtime.sinks.sink import OnlyChanges
from device_runtime.sources.image import read_image
from lprnet.network.alphabet import PUBLIC
from tests.device_runtime.results import result

BLUE_PLATE = np.full((24, 94, 3), (160, 60, 20), np.uint8)


def has(picture: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((picture == color).all(axis=2).any())


def test_every_class_of_the_alphabet_has_a_glyph_of_its_own() -> None:
    glyphs = {}
    for character in (*PUBLIC.characters, *"警学挂港澳使领"):
        assert character in CHARACTERS
        image = np.zeros((CELL, CELL, 3), np.uint8)
        draw_text(image, character, 0, 0, CELL, WHITE)
        assert 20 < np.count_nonzero(image[:, :, 0] > 128) < CELL * CELL / 2, character
        glyphs[character] = image.tobytes()
    assert len(set(glyphs.values())) == len(glyphs)


def test_unknown_characters_become_question_marks() -> None:
    known, unknown = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40, 3), np.uint8)
    draw_text(known, "?", 0, 0, 40, WHITE)
    draw_text(unknown, "é", 0, 0, 40, WHITE)
    assert np.array_equal(known, unknown)


@pytest.mark.parametrize(("x", "y"), [(-20, -10), (85, 30), (500, 0), (0, 500), (-500, 0)])
def test_text_outside_is_cut_off(x: int, y: int) -> None:
    large, image = np.zeros((1200, 1400, 3), np.uint8), np.zeros((40, 100, 3), np.uint8)
    draw_text(large, "京A", x + 600, y + 600, 40, WHITE)
    draw_text(image, "京A", x, y, 40, WHITE)
    assert np.array_equal(image, large[600:640, 600:700])
    assert text_width("京A", 40) == 66


@pytest.mark.parametrize(("truth", "color"), [(None, WHITE), ("京A12345", GREEN), ("京A12346", RED)])
def test_the_colour_tells_right_from_wrong(truth: str | None, color: tuple[int, int, int]) -> None:
    picture = plate_picture(BLUE_PLATE, Caption("京A12345", 0.5, truth))
    assert picture.shape == (152, 376, 3)
    assert has(picture, color)
    assert has(picture, (160, 60, 20))


def test_pictures_of_any_image() -> None:
    for shape in ((1, 1), (500, 3, 3), (3, 500, 4), (24, 94)):
        picture = plate_picture(np.zeros(shape, np.uint8), Caption("", 0.0))
        assert picture.shape[1] == 376
        assert picture.shape[0] <= 2 * 376 + 56


def test_frames_are_boxed_and_lettered() -> None:
    frame = np.full((480, 640, 3), 100, np.uint8)
    for roi in ((100, 200, 94, 24), (0, 0, 10, 10), None, (600, 470, 40, 10)):
        picture = frame_picture(frame, roi, Caption("京A12345", 0.5))
        assert picture.shape == frame.shape
        x, y = (roi or (0, 0))[:2]
        assert tuple(picture[y, x]) == WHITE
    assert np.all(frame == 100)
    assert frame_picture(np.zeros((5, 5, 3), np.uint8), None, Caption("京A12345", 0.5)).shape == (5, 5, 3)


def test_overview_holds_every_picture() -> None:
    plates = [np.full((100 + 10 * index, 376, 3), 10 + index, np.uint8) for index in range(6)]
    sheet = overview(plates)
    assert all(np.count_nonzero(sheet[:, :, 0] == 10 + i) == p[:, :, 0].size for i, p in enumerate(plates))
    assert overview(plates[:1]).shape == (124, 400, 3)


def test_album_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_OVERVIEW_LIMIT", 2)
    album = Album(tmp_path / "new" / "folder", None, whole_frames=False)
    for name in ("x/京A12345.jpg", "y/京A12345.jpg", "x/京A12345.jpg", "overview.png"):
        album.add(result("京A12345", name, image=BLUE_PLATE, truth="京A12345", path=Path(name)))
    album.close()
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["overview.jpg", "overview.png", "京A12345-2.png", "京A12345.png"]
    assert read_image(tmp_path / "new" / "folder" / "overview.jpg").shape == (176, 788, 3)


def test_album_shows_the_part_that_was_read(tmp_path: Path) -> None:
    """Taken from the result: the album does not crop the frame a second time."""
    frame = np.zeros((240, 320, 3), np.uint8)
    album = Album(tmp_path, (2, 2, 94, 24), whole_frames=False)
    album.add(result("京A12345", "a.png", image=frame, part=BLUE_PLATE, path=Path("a.png")))
    expected = plate_picture(BLUE_PLATE, Caption("京A12345", 0.9))
    assert np.array_equal(read_image(tmp_path / "a.png"), expected)


def test_album_of_a_camera_holds_the_changes(tmp_path: Path) -> None:
    album = OnlyChanges(Album(tmp_path, (2, 2, 94, 24), whole_frames=True))
    for index, plate in enumerate(["京A1", "京A1", "京A2", "京A1"]):
        album.add(result(plate, f"0#{index}", image=np.zeros((240, 320, 3), np.uint8)))
    album.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frame-0.png", "frame-2.png", "frame-3.png"]
    assert read_image(tmp_path / "frame-0.png").shape == (240, 320, 3)


def test_album_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FatalError, match="cannot be written"):
        save(cv2.flip(BLUE_PLATE, 0), tmp_path / "file" / "x.png")
