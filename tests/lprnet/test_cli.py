from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

from lprnet.cli import main
from lprnet.plates import render


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("train", "--output", "{}/run"), "not given once"),
        (("train", "--output", "{}/run", "--hours", "1", "--samples", "5"), "not given once"),
        (("train", "--output", "{}/run", "--until", "25:00"), "not a time"),
        (("train", "--output", "{}/run", "--samples", "5", "--real", "{}/none"), "no such folder"),
        (("finetune", "--data", "{}/none", "--output", "{}/run", "--samples", "5"), "no such folder"),
        (("train", "--output", "{}/run", "--samples", "5", "--kind", "purple"), "no such kind"),
        (
            ("train", "--output", "{}/run", "--samples", "5", "--kind", "eu", "--alphabet", "0-9A-Z"),
            "lacks characters",
        ),
        (("train", "--output", "{}/run", "--samples", "5", "--alphabet", "Z-A"), "runs backwards"),
        (("finetune", "--data", "{}", "--output", "{}/run", "--samples", "5", "--kind", "eu"), "lacks"),
        (("eval",), "none given"),
        (("eval", "--rendered", "5", "--kind", "purple"), "no such kind"),
        (("eval", "--data", "{}/none"), "no such folder"),
        (("sheet", "--output", "{}/x.png", "--kind", "purple"), "no such kind"),
        (("samples", "--output", "{}/run", "--kind", "purple"), "no such kind"),
    ],
)
def test_bad_arguments_are_one_line(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    (tmp_path / "京A12345.png").write_bytes(cv2.imencode(".png", render(1, 1).image)[1].tobytes())
    result = CliRunner().invoke(main, [a.format(tmp_path) for a in arguments])
    assert result.exit_code == 2
    assert why in result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
