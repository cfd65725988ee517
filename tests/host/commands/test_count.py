from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from host.cli import main


@pytest.mark.parametrize(
    "option",
    ["--threads", "--bundle", "--target", "--isa", "--data", "--rounds", "--inferences"],
)
def test_an_option_that_would_do_nothing_is_refused(option: str, tmp_path: Path) -> None:
    """`bench` has it, but it says nothing about instructions."""
    done = CliRunner().invoke(main, ["count", option, "1", "--output", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1 and f"No such option '{option}'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--peers", "openvino"], "'--peers': openvino is unknown, choose among ncnn, litert, onnxruntime"),
        (["--precisions", "bf16"], "'--precisions': bf16 is unknown, choose among fp32, fp16, int8"),
        (["--weights", "missing.pth"], "missing.pth: no such file"),
        (["--pipeline", "--peers", "none"], "--peers: does nothing with --pipeline"),
        (["--pipeline", "--precisions", "int8"], "--precisions: does nothing with --pipeline"),
    ],
)
def test_bad_options_are_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["count", *arguments, "--output", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert not list(tmp_path.iterdir())
