from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from host.cli import main
from host.targets.read import list_targets, load_target

PROFILE = Path(__file__).parents[3] / "targets" / "rpi4.toml"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["targets", *arguments])


def test_all_are_listed_a_line_each() -> None:
    listing = run()
    assert listing.exit_code == 0
    assert [line.split()[0] for line in listing.output.splitlines()[1:]] == list_targets()


def test_the_list_says_what_the_profiles_say() -> None:
    lines = {line.split()[0]: line for line in run().output.splitlines()}
    for name in list_targets():
        target = load_target(name)
        for word in (target.arch, target.isa, f"≥ {target.glibc}", f"{target.ram_mb} MB"):
            assert word in lines[name]


def test_the_list_does_not_wait_for_the_compiler() -> None:
    code = "import sys; sys.modules['tvm'] = sys.modules['torch'] = None; from host.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "targets"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Raspberry Pi 5" in done.stdout


def test_one_is_explained() -> None:
    explained = run("rpi4").output
    for word in ("Raspberry Pi 4", "cortex-a72", "aarch64-linux-gnu-g++", "make target=rpi4 build", "2.31"):
        assert word in explained


def test_json_of_one_is_tvms_target() -> None:
    assert json.loads(run("rpi2", "--json").output)["mfloat-abi"] == "hard"


def test_json_of_all_is_the_list() -> None:
    assert [target["name"] for target in json.loads(run("--json").output)] == list_targets()


def test_a_wrong_profile_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text(PROFILE.read_text(encoding="utf-8").replace("cores = 4", "cores = -1"), encoding="utf-8")
    result = run(str(path))
    assert result.exit_code == 2
    assert result.output.startswith("error: ") and result.output.count("\n") == 1
