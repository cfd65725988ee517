import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from device_runtime.sources.image import read_image
from lprnet.cli import main
from lprnet.scenes.generator import Generator
from lprnet.scenes.scene import Role
from lprnet.scenes.stock import Stock
from lprnet.training.views import EACH
from lprnet.weights import LOCATOR

SHIPPED = ("--weights", str(LOCATOR))


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["locator", *arguments])


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled frames of two rides, rendered."""
    folder = tmp_path_factory.mktemp("frames")
    generator = Generator(3, size=256, stock=Stock(3, 10))
    with (folder / "labels.jsonl").open("w") as file:
        for i in range(4):
            scene = generator.scene(i)
            cv2.imwrite(str(folder / f"{i}.png"), scene.image)
            plates = [
                {
                    "box": [*map(float, p.corners.min(0)), *map(float, np.ptp(p.corners, axis=0))],
                    "corners": p.corners.tolist(),
                }
                for p in scene.plates
                if p.role == Role.CORNERS
            ]
            print(json.dumps({"file": f"{i}.png", "ride": f"ride {i % 2}", "plates": plates}), file=file)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, frames: Path) -> Path:
    folder = tmp_path_factory.mktemp("run")
    options = ("--samples", "8", "--batch", "4", "--workers", "0")
    result = _run(
        "train", "find", "--output", str(folder), "--frames", str(frames), "--hold-out", "ride 1", *options
    )
    assert result.exit_code == 0, result.output
    return folder / "locator.safetensors"


def test_training_mining_and_measuring_work_together(run: Path, frames: Path, tmp_path: Path) -> None:
    mined = tmp_path / "mined.npz"
    options = ("--weights", str(run), "--threshold", "0.001", "--most", "5")
    result = _run("mine", "--frames", str(frames), "--output", str(mined), *options)
    assert result.exit_code == 0, result.output
    result = _run(
        "train", "refine", "--output", str(tmp_path / "on"), "--samples", "10", "--batch", "10",
        "--workers", "0", "--mined", str(mined), "--weights", str(run),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    result = _run("eval", "--weights", str(run), "--data", str(frames), "--ride", "ride 1", "--json")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.output.splitlines()]
    assert [line["threshold"] for line in lines] == [0.3, 0.4, 0.5, 0.6]
    assert (
        lines[0]["photographs"] == 2 and {"n", "found", "false_per_photo", "corner_error"} <= lines[0].keys()
    )
    sheet = tmp_path / "worst.png"
    result = _run(
        "eval",
        "--weights",
        str(run),
        "--data",
        str(frames),
        "--threshold",
        "0.5",
        "--worst",
        str(sheet),
        "--rendered",
        "2",
    )
    assert result.exit_code == 0 and "false a photo" in result.output
    assert read_image(sheet).shape[1] % 240 == 0


def test_the_score_is_fitted(frames: Path) -> None:
    options = ("--data", str(frames), "--ride", "ride 1")
    result = _run("calibrate", "--rendered", "6", "--false", "1", *options)
    assert result.exit_code == 0, result.output
    assert "Scoring(find=" in result.output and "threshold 0." in result.output


@pytest.mark.parametrize("options", [(), ("--views",)])
def test_a_sheet_shows_what_is_trained_on(tmp_path: Path, options: tuple[str, ...], frames: Path) -> None:
    sheet = tmp_path / "sheet.png"
    result = _run("sheet", "--output", str(sheet), "--frames", str(frames), "--count", "9", *options)
    assert result.exit_code == 0, result.output
    assert read_image(sheet).shape == ((2 * 64, 8 * 128, 3) if options else (2 * 256, 8 * 256, 3))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("train", "find", "--output", "x"), "not given once"),
        (("train", "find", "--output", "x", "--samples", "8", "--hold-out", "r"), "are about frames"),
        (("train", "refine", "--output", "x", "--samples", "8"), "trained on what find finds"),
        (
            ("train", "refine", "--output", "x", "--samples", "8", "--batch", "9", *SHIPPED),
            f"no multiple of {EACH}",
        ),
        (("eval", "--weights", "none.safetensors", "--data", "."), "No such file"),
        (("eval",), "none given"),
    ],
)
def test_wrong_use_is_one_line(arguments: tuple[str, ...], why: str) -> None:
    result = _run(*arguments)
    assert result.exit_code == 2
    assert why in result.output and len(result.output.splitlines()) == 1
