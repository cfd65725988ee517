import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from device_runtime.errors import FatalError
from device_runtime.sources.image import read_image
from lprnet.cli import main


def _run(*arguments: object) -> None:
    result = CliRunner().invoke(main, ["-q", "scenes", *map(str, arguments)], standalone_mode=False)
    if result.exception:
        raise result.exception


def test_pictures_and_labels_are_written(tmp_path: Path) -> None:
    _run("--output", tmp_path, "--count", 2, "--seed", 5, "--size", "320x200", "--kinds", "yellow-double,eu")
    lines = [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text("utf-8").splitlines()]
    assert [line["file"] for line in lines] == ["00000.jpg", "00001.jpg"]
    for line in lines:
        assert (line["width"], line["height"]) == (320, 200)
        assert read_image(tmp_path / line["file"]).shape == (200, 320, 3)
    first = lines[0]["plates"][0]
    assert first["kind"] == "yellow-double" and first["rows"] == 2 and len(first["text"]) == 7
    assert len(first["corners"]) == len(first["box"]) == 4


def test_a_picture_for_each_crop_unless_told_otherwise(tmp_path: Path) -> None:
    crops = tmp_path / "crops"
    crops.mkdir()
    for name in ("A1B2", "C3D4_2"):
        cv2.imwrite(str(crops / f"{name}.png"), np.full((20, 60, 3), 128, np.uint8))
    _run("--output", tmp_path / "out", "--crops", crops, "--turn", -5, "--stack", 0.34, "--size", "320x200")
    lines = [json.loads(line) for line in (tmp_path / "out" / "labels.jsonl").read_text("utf-8").splitlines()]
    assert [(p["text"], p["rows"]) for line in lines for p in line["plates"]] == [("A1B2", 2), ("C3D4", 2)]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--size", "1280"), "no width and height"),
        (("--size", "20x1280"), "too small or large"),
        (("--size", "1280x²"), "no width and height"),
        (("--size", "99999999999x200"), "too small or large"),
        (("--kinds", "blue,pink"), "--kinds pink: no such kind"),
        (("--stack", "0.34"), "--stack: is about crops"),
        (("--kinds", "blue", "--crops", "."), "--kinds: is about rendered plates"),
        (("--crops", "/none"), "no such folder"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    with pytest.raises(FatalError, match=why) as error:
        _run("--output", tmp_path / "out", *arguments)
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FatalError, match="cannot be written"):
        _run("--output", tmp_path / "file" / "out", "--count", 1, "--size", "320x200")
