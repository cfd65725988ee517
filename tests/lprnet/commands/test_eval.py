import json
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import pytest
from click.testing import CliRunner

from lprnet.cli import main
from lprnet.plates import render
from tests.checkpoints import written


def test_eval_command(tmp_path: Path) -> None:
    written(tmp_path / "w.safetensors")
    (tmp_path / "data").mkdir()
    cv2.imencode(".png", render(1, 1).image)[1].tofile(tmp_path / "data" / f"{render(1, 1).text}.png")
    arguments = ["eval", "--weights", str(tmp_path / "w.safetensors"), "--data", str(tmp_path / "data")]
    arguments += ["--rendered", "3", "--kind", "green-small"]
    plot = tmp_path / "plot.svg"
    result = CliRunner().invoke(
        main, [*arguments, "--json", "--worst", str(tmp_path / "worst.png"), "--reliability", str(plot)]
    )
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.output.splitlines()]
    assert [(line["dataset"], line["n"]) for line in lines] == [("data", 1), ("rendered green-small", 3)]
    assert cv2.imread(str(tmp_path / "worst.png")) is not None
    groups = [e for e in ElementTree.parse(plot).iter() if e.attrib.get("id", "").endswith("-bins")]
    points = [e for group in groups for e in group.iter() if e.tag.endswith("use")]
    assert len(points) == sum(len(line["reliability"]) for line in lines)
    text = CliRunner().invoke(main, arguments).output
    assert re.search(r"^rendered green-small +\d +3 ", text, re.MULTILINE) and "without province" in text


def test_photographs_are_counted_with_networks_that_are_in_no_bundle(tmp_path: Path) -> None:
    streets, weights = tmp_path / "streets", written(tmp_path / "w.safetensors")
    made = CliRunner().invoke(main, ["scenes", "--output", str(streets), "--count", "2", "--size", "640x360"])
    assert made.exit_code == 0, made.output
    arguments = ["eval", "--weights", str(weights), "--scenes", str(streets)]
    sheet = tmp_path / "worst.png"
    result = CliRunner().invoke(main, [*arguments, "--json", "--worst", str(sheet), "--pieces", "2"])
    assert result.exit_code == 0, result.output
    (line,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert line["dataset"] == "streets" and line["photographs"] == 2 and line["n"] >= 2
    assert line["pieces"]["n"] == 4 and line["by_width"]
    assert cv2.imread(str(sheet)) is not None
    table = CliRunner().invoke(main, [*arguments, "--threshold", "0.9"]).stdout
    assert table.startswith("photographs  width, px") and re.search(
        r"^streets \(2\) +all ", table, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "plates to read: none given"),
        (["--rendered", "1", "--pieces", "2"], "--pieces: is about photographs"),
        (["--rendered", "1", "--min-confidence", "0.5"], "--min-confidence: is about photographs"),
        (["--scenes", "streets", "--rendered", "1"], "--scenes: is not counted together with crops"),
        (["--scenes", "streets"], "streets: no such folder"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["eval", *arguments])
    assert result.exit_code == 2 and f"error: {message}" in result.stderr and result.stderr.count("\n") == 1
