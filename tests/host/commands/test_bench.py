from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from host.cli import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--peers", "tensorrt"], "'--peers': tensorrt is unknown, choose among onnxruntime,"),
        (["--precisions", "int4"], "'--precisions': int4 is unknown, choose among "),
        (["--peers", ""], "'--peers': names nothing"),
        (["--threads", "one"], "'--threads': one is not a list of counts"),
        (["--threads", "0"], "'--threads': 0 is not a list of counts"),
        (["--threads", "4096"], "--threads 4096: this process has"),
        (["--weights", "missing.pth"], "missing.pth: no such file"),
        (["--python", "/bin/false"], "/bin/false: cannot run workers"),
        (["--python", "/no/python"], "/no/python: cannot run workers"),
        (["--bundle", "no-bundle"], "no-bundle"),
        (["--target", "no-such-board"], "target 'no-such-board'"),
    ],
)
def test_bad_options_are_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["bench", *arguments, "--output", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr.strip().splitlines()[-1].startswith("error: ") and message in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments", [["--arm"], ["--bundle", "build/native", "--target", "native"]], ids=["arm", "target"]
)
def test_an_option_that_would_do_nothing_is_refused(arguments: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["bench", *arguments, "--output", str(tmp_path)])
    assert done.exit_code == 2 and arguments[-2 if len(arguments) > 1 else -1] in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pipeline", "--precisions", "int8"], "--precisions: does nothing with --pipeline"),
        (["--pipeline", "--inferences", "3"], "--inferences: does nothing with --pipeline"),
        (["--pipeline", "--peers", "openvino"], "--peers openvino: is none of the peers here"),
        (["--peers", "hyperlpr"], "--peers hyperlpr: is none of the peers here"),
        (["--scenes", "streets"], "--scenes streets: is for whole pipelines"),
        (["--pipeline", "--bundle", "a", "--bundle", "b"], "--bundle b: is the second one"),
        (["--pipeline", "--scenes", "streets"], "streets: no such folder"),
        (["--pipeline", "--bundle", "no-bundle", "--peers", "none"], "no-bundle"),
    ],
)
def test_wrong_options_of_pipelines_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.commands.bench.FRAMES", 1)
    done = CliRunner().invoke(main, ["bench", *arguments, "--output", str(tmp_path)])
    assert done.exit_code == 2 and f"error: {message}" in done.stderr, done.stderr
    assert not list(tmp_path.iterdir())
