import json
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
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
