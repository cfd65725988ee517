import re
from pathlib import Path

import cv2
from click.testing import CliRunner

from lprnet.cli import main


def test_sheet_and_samples_commands(tmp_path: Path) -> None:
    out = tmp_path / "samples"
    assert CliRunner().invoke(main, ["samples", "--output", str(out), "--count", "12"]).exit_code == 0
    assert len(list(out.glob("*.png"))) == 12
    arguments = ["sheet", "--output", str(tmp_path / "sheet.png"), "--count", "16", "--real", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert re.findall(r"^(\w+) +(\d+) ", result.output, re.MULTILINE) == [
        ("rendered", "16"),
        ("samples", "12"),
    ]
    picture = cv2.imread(str(tmp_path / "sheet.png"))
    assert picture is not None and picture.shape == (2 * 48 + 12 + 48, 8 * 188, 3)
