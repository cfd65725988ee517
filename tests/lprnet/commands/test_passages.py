from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from device_runtime.errors import FatalError
from lprnet.cli import main


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--bundle", "none"), "none: is not a folder"),
        (("--bundle", "x", "--config", "no.toml"), "cannot be read"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    command = ["-q", "passages", str(tmp_path), *arguments]
    result = CliRunner().invoke(main, command, standalone_mode=False)
    assert isinstance(result.exception, FatalError) and why in str(result.exception)
    assert "\n" not in str(result.exception)
