from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from device_runtime.bundle.manifest import read_manifest
from device_runtime.read.engine import Engine
from host.build import Request, build
from host.cli import main
from host.targets.read import load_target
from lprnet.scenes.pictures import Request as Streets
from lprnet.scenes.pictures import write_pictures


@pytest.fixture(scope="module")
def data(fp32_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images whose labels are what the bundle itself reads, but for one."""
    folder = tmp_path_factory.mktemp("data") / "plates"
    folder.mkdir()
    engine = Engine.open(fp32_bundle)
    rng = np.random.default_rng(0)
    for i in range(3):
        image = rng.integers(0, 256, (24, 94, 3), np.uint8)
        label = engine.read(image).plate if i else "京A00000"
        (folder / f"{label}_{i}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return folder


def test_json_counts_and_the_manifest_records(fp32_bundle: Path, data: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(fp32_bundle, tmp_path / "bundle"))
    command = ["eval", "--bundle", str(bundle), "--data", str(data), "--json", "--record"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert '"n":3,"correct":2' in result.stdout
    (info,) = read_manifest(bundle).accuracy
    assert (info.dataset, info.n, info.correct) == ("plates", 3, 2)


def test_a_table_has_a_line_for_every_data_set(fp32_bundle: Path, data: Path) -> None:
    result = CliRunner().invoke(main, ["eval", "--bundle", str(fp32_bundle), *["--data", str(data)] * 2])
    assert result.exit_code == 0, result.output
    heading, *lines = result.stdout.splitlines()
    assert heading == "data set  n  right  accuracy  without province"
    assert lines == ["plates    3      2     0.667             0.667"] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "images to read: none given"),
        (["--data", "crops", "--threshold", "0.5"], "--threshold: is about photographs"),
        (["--data", "crops", "--pieces", "3"], "--pieces: is about photographs"),
        (["--data", "crops", "--worst", "w.png"], "--worst: is about photographs"),
        (["--scenes", "streets", "--record"], "--record: is about crops"),
        (["--scenes", "streets", "--threshold", "1"], "--threshold"),
        (["--scenes", "streets", "--min-confidence", "2"], "--min-confidence"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["eval", "--bundle", "none", *arguments])
    assert result.exit_code == 2 and message in result.stderr
    assert result.stderr.strip().splitlines()[-1].startswith("error: ") and "Traceback" not in result.stderr


def read_right(bundle: Path, data: Path) -> int:
    """Plates that `lpr-host eval` counts as right."""
    result = CliRunner().invoke(main, ["eval", "--bundle", str(bundle), "--data", str(data), "--json"])
    assert result.exit_code == 0, result.output
    return int(json.loads(result.stdout)["correct"])


def test_public_checkpoint_reads_ccpd(shared: Path, tmp_path: Path) -> None:
    public = shared / "weights" / "Final_LPRNet_model.pth"
    request = Request(
        target=load_target("native"), output=tmp_path / "b", checkpoint=public, precision="fp32"
    )
    assert read_right(build(request), shared / "data" / "ccpd_val") == pytest.approx(247, abs=1)


def test_bundle_by_default_reads_as_many_plates_as_the_unpruned_network(
    shared: Path, bundle_of_users: Path
) -> None:
    """The recipe's precision and network on real plates, less half a point for other instruction sets."""
    assert read_right(bundle_of_users, shared / "data" / "ccpd_val") >= 277 - 1
    assert read_right(bundle_of_users, shared / "data" / "mixed_val") >= 690 - 4


def test_photographs_are_found_and_read_by_the_bundle_that_ships(
    bundle_of_users: Path, streets: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "worst.png"
    command = ["eval", "--bundle", str(bundle_of_users), "--scenes", str(streets), "--pieces", "2"]
    result = CliRunner().invoke(main, [*command, "--json", "--worst", str(sheet)])
    assert result.exit_code == 0, result.output
    counted = json.loads(result.stdout)
    assert counted["dataset"] == "streets" and counted["photographs"] == 3
    assert counted["n"] >= 3 and counted["found"] >= 0.6 * counted["n"] and counted["read"] >= 1
    assert counted["corner_error"] < 0.2 and counted["pieces"]["n"] == 6
    assert cv2.imread(str(sheet)) is not None
    # Nothing is as sure as that.
    result = CliRunner().invoke(main, [*command[:5], "--min-confidence", "1", "--json"])
    unsure = json.loads(result.stdout)
    assert (unsure["read"], unsure["misread"], unsure["found"]) == (0, 0, counted["found"])


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rendered photographs with blue plates."""
    folder = tmp_path_factory.mktemp("scenes") / "streets"
    request = Streets(seed=1, size=(960, 540), kinds=("blue",))
    for _ in write_pictures(folder, request, 3):
        pass
    return folder
