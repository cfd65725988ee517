from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from device_runtime.board.cpu import Cpu
from device_runtime.board.suggest import suggest_target
from device_runtime.errors import FatalError
from host.paths import TARGETS
from host.targets.boards import advice
from host.targets.read import list_targets


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    """A copy of the shipped profiles to add to."""
    return Path(shutil.copytree(TARGETS, tmp_path / "targets"))


def test_every_suggestion_is_a_target() -> None:
    names = [target.name for target in advice().targets]
    assert {"rpi4", "rk3588", "x86-64-vnni"} <= set(names) <= set(list_targets())


def test_no_two_targets_claim_a_name() -> None:
    claimed = Counter(name.lower().replace(" ", "") for target in advice().targets for name in target.match)
    assert max(claimed.values()) == 1


def test_a_new_board_is_a_new_file_and_nothing_else(targets: Path) -> None:
    board = Cpu("aarch64", None, frozenset(("fp", "asimd", "crc32")))
    assert suggest_target(board, "Tinker Board 2S", advice(targets)) == "rpi3"
    text = (targets / "rpi4.toml").read_text(encoding="utf-8")
    old = 'match = ["Raspberry Pi 4", "Raspberry Pi Compute Module 4"]'
    assert old in text
    (targets / "tinker2.toml").write_text(text.replace(old, 'match = ["Tinker Board 2"]'), encoding="utf-8")
    assert suggest_target(board, "Tinker Board 2S", advice(targets)) == "tinker2"
    assert suggest_target(board, "Raspberry Pi 4 Model B", advice(targets)) == "rpi4"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('match = "Raspberry Pi 4"', "board.match: bad value 'Raspberry Pi 4' – accepted: a list of names"),
        ('match = ["_"]', "board.match: bad value"),
        ("fallback = false", "board.fallback: bad value False – accepted: True"),
        ('mtach = ["Raspberry Pi 4"]', "board.mtach: unknown key"),
    ],
)
def test_a_wrong_key_is_one_line(targets: Path, line: str, said: str) -> None:
    path = targets / "rk3588.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[board]\n", f"[board]\n{line} #"), encoding="utf-8")
    with pytest.raises(FatalError) as caught:
        advice(targets)
    assert f"{path}: {said}" in str(caught.value) and "\n" not in str(caught.value)
