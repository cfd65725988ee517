from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from host.cli import main


@pytest.mark.slow
def test_a_missing_bundle_is_built_and_another_network_refused(
    weights: Path, images: Path, tmp_path: Path
) -> None:
    command = ["test-device", "--target", "rpi4", "--bundle", str(tmp_path / "rpi4"), "--images", str(images)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("rpi4 on emulated cortex-a72")
    assert "3 of 3 plates equal the host's" in result.stdout

    result = CliRunner().invoke(main, [*command, "--weights", str(weights)])
    assert result.exit_code == 2
    assert "was built from tiny.safetensors" in result.stderr.splitlines()[-1]


def test_what_is_not_emulated_runs_on_this_machine(bundle_of_users: Path, images: Path) -> None:
    command = ["test-device", "--bundle", str(bundle_of_users), "--images", str(images)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("native on this machine")
    assert "3 of 3 plates equal the host's" in result.stdout
