from __future__ import annotations

from collections.abc import Sized
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.follow.event import Passage
from device_runtime.locate.region import Region
from device_runtime.sinks import pictures
from device_runtime.sinks.folder import BoundedFolder
from device_runtime.sinks.glyphs import CELL, Glyphs, built_in
from device_runtime.sinks.pictures import (
    AMBER,
    GREEN,
    GREY,
    LONGEST,
    RED,
    WHITE,
    Album,
    Caption,
    EventAlbum,
    Mark,
    draw_text,
    frame_picture,
    overview,
    plate_picture,
    save,
    text_width,
    thumbnail,
)
from device_runtime.sources.image import read_image
from tests.device_runtime.results import event, place, result, unread

BLUE_PLATE = np.full((24, 94, 3), (160, 60, 20), np.uint8)


def has(picture: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((picture == color).all(axis=2).any())


def test_unknown_characters_become_question_marks() -> None:
    known, unknown = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40, 3), np.uint8)
    draw_text(known, "?", 0, 0, 40, WHITE)
    draw_text(unknown, "é", 0, 0, 40, WHITE)
    assert np.array_equal(known, unknown)
    glyphs = Glyphs({**built_in().cells, "é": np.full((CELL, CELL), 255, np.uint8)})
    draw_text(unknown, "é", 0, 0, 40, WHITE, glyphs)
    assert (unknown[:, :25] == 255).all()


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


def _mark(text: str, x: int, y: int, width: int = 94) -> Mark:
    corners = np.array([[x, y], [x + width, y + 4], [x + width, y + 30], [x, y + 26]], np.float32)
    return Mark(corners, Caption(text, 0.5))


def test_frames_show_outlines_and_texts() -> None:
    frame = np.full((480, 640, 3), 100, np.uint8)
    for mark in (_mark("京A12345", 100, 200), _mark("", 0, 0), _mark("A", 600, 470), _mark("A", -50, -20)):
        picture = frame_picture(frame, None, [mark])
        assert picture.shape == frame.shape
        assert has(picture, WHITE if mark.caption.plate else AMBER)
        x, y = np.clip(mark.corners.mean(0).astype(int), 0, [639, 479])
        assert tuple(picture[y, x]) == (100, 100, 100) or not (0 < y < 450), "what is inside stays to be seen"
    assert np.all(frame == 100)
    assert frame_picture(np.zeros((5, 5, 3), np.uint8), None, [_mark("京A", 1, 1)]).shape == (5, 5, 3)
    assert np.array_equal(frame_picture(frame, None, []), frame)


def test_the_region_is_shown() -> None:
    frame = np.full((480, 640, 3), 100, np.uint8)
    picture = frame_picture(frame, Region.parse("50,50,600,60,300,400"), [])
    assert has(picture, GREY) and picture[50, 50].min() > 150


def test_texts_of_many_plates_do_not_cover_each_other() -> None:
    """Each lies on a dark box of its own, so that the darkened area is that of all boxes."""
    frame = np.full((1080, 1920, 3), 200, np.uint8)
    one = np.count_nonzero(frame_picture(frame, None, [_mark("京A12345", 800, 500)])[:, :, 0] < 60)
    marks = [_mark("京A12345", 800 + 10 * i, 500 + 5 * i) for i in range(4)]
    assert np.count_nonzero(frame_picture(frame, None, marks)[:, :, 0] < 60) > 3.9 * one


def test_pictures_of_huge_frames_are_smaller() -> None:
    frame = np.full((2160, 3840, 3), 100, np.uint8)
    picture = frame_picture(frame, None, [_mark("京A12345", 3000, 2000, 400)])
    assert picture.shape == (1080, LONGEST, 3)
    # The outline is where the plate is.
    assert (picture[1000:1015, 1495:1505] == WHITE).all(2).any()
    assert thumbnail(picture).shape == (212, 376, 3)
    assert thumbnail(np.zeros((900, 10, 3), np.uint8)).shape == (752, 376, 3)


def test_overview_holds_every_picture() -> None:
    plates = [np.full((100 + 10 * index, 376, 3), 10 + index, np.uint8) for index in range(6)]
    sheet = overview(plates)
    assert all(np.count_nonzero(sheet[:, :, 0] == 10 + i) == p[:, :, 0].size for i, p in enumerate(plates))
    assert overview(plates[:1]).shape == (124, 400, 3)


def _album(folder: Path, whole_frames: bool, overview: bool) -> Album:
    return Album(folder, Region.parse("2,2,94,24"), whole_frames=whole_frames, overview=overview)


def test_album_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_OVERVIEW_LIMIT", 2)
    album = Album(tmp_path / "new" / "folder", None, whole_frames=False, overview=True)
    for name in ("x/京A12345.jpg", "y/京A12345.jpg", "x/京A12345.jpg", "overview.png"):
        album.add(result("京A12345", source=name, image=BLUE_PLATE, truth="京A12345", path=Path(name)))
    album.close()
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["overview.jpg", "overview.png", "京A12345-2.png", "京A12345.png"]
    assert read_image(tmp_path / "new" / "folder" / "overview.jpg").shape == (176, 788, 3)


def test_album_shows_the_part_that_was_read(tmp_path: Path) -> None:
    """Taken from the result: the album does not crop the frame a second time."""
    frame = np.zeros((240, 320, 3), np.uint8)
    album = _album(tmp_path, whole_frames=False, overview=True)
    album.add(result("京A12345", source="a.png", image=frame, part=BLUE_PLATE, path=Path("a.png")))
    expected = plate_picture(BLUE_PLATE, Caption("京A12345", 0.9))
    assert np.array_equal(read_image(tmp_path / "a.png"), expected)


def test_album_of_photographs_shows_every_plate(tmp_path: Path) -> None:
    frame = np.full((240, 320, 3), 100, np.uint8)
    album = Album(tmp_path, None, whole_frames=True, overview=True)
    others = (unread("cut", frame, place()),)
    album.add(
        result(
            "京A1",
            "京A2",
            source="a.jpg",
            path=Path("a.jpg"),
            image=frame,
            places=(place(),) * 2,
            others=others,
        )
    )
    album.add(result(source="b.jpg", path=Path("b.jpg"), image=frame))
    album.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "overview.jpg"]
    assert np.array_equal(read_image(tmp_path / "b.png"), frame)
    assert has(read_image(tmp_path / "a.png"), WHITE)
    assert read_image(tmp_path / "overview.jpg").shape == (306, 788, 3)


def test_album_of_events_holds_a_picture_of_each(tmp_path: Path) -> None:
    album = EventAlbum(BoundedFolder(tmp_path, 1 << 20), Region.parse("20,2,200,100"))
    frame = np.zeros((240, 320, 3), np.uint8)
    for text in ("京A1", ""):
        album.tell(Passage(event=event(text), frame=frame, crop=None))
    album.tell(Passage(event=event("京A2"), frame=None, crop=None))
    one, other = sorted(path.name for path in tmp_path.iterdir())
    assert one.startswith("20261126-120000-") and "京A1" in one + other
    picture = read_image(tmp_path / one)
    assert picture.shape == (240, 320, 3) and picture[1:4, 215].any(), "around the region"
    assert picture.max() > 200, "the plate is outlined"


def test_album_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FatalError, match="cannot be written"):
        save(cv2.flip(BLUE_PLATE, 0), tmp_path / "file" / "x.png")


def test_album_of_a_camera_remembers_no_names(tmp_path: Path) -> None:
    """Frames come for a year: what is kept in memory does not grow with them."""
    album = _album(tmp_path, whole_frames=True, overview=False)
    frame = np.full((24, 94, 3), 100, np.uint8)

    def sizes() -> list[int]:
        return [len(kept) for kept in vars(album).values() if isinstance(kept, Sized)]

    before = sizes()
    for number in range(20):
        album.add(result(source=f"camera#{number}", image=frame))
    assert sizes() == before
    album.close()
    assert len(list(tmp_path.iterdir())) == 20
