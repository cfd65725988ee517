"""The command against five boards, each a real sshd; what a deployment does is in tests/host/deploy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from host.cli import main
from host.deploy.shipment import shipment
from tests.host.deploy.boards import SshBoard, board, needs_sshd, network

SETTINGS = """\
[reader]
crop = true
[serve]
address = "0"
[health]
interval = 1
"""
# Passes install.sh, and is refused by the new lpr-run.
WRONG = SETTINGS + "every = 1\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["deploy", *map(str, arguments)])


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[tuple[Path, list[SshBoard]]]:
    """Five boards in three groups, the second of which fails; ssh's configuration, and they."""
    with network(tmp_path) as net, ExitStack() as stack:
        boards = [
            stack.enter_context(board(net, f"gate-{number}", WRONG if number == 2 else SETTINGS))
            for number in range(1, 6)
        ]
        one, two, three, four, five = (
            f'{{ host = "{board.host}", root = "{board.root}" }}' for board in boards
        )
        (tmp_path / "fleet.toml").write_text(
            "parallel = 1\n"
            f'[[group]]\nname = "first"\nboards = [{one}]\n'
            f'[[group]]\nname = "north"\nboards = [{two}, {three}]\n'
            f'[[group]]\nname = "south"\nboards = [{four}, {five}]\n'
        )
        yield net.config, boards


@needs_sshd
@pytest.mark.slow
def test_a_board_that_fails_stops_the_fleet(
    fleet: tuple[Path, list[SshBoard]], fp32_bundle: Path, tmp_path: Path
) -> None:
    config, boards = fleet
    common = ("--inventory", tmp_path / "fleet.toml", "--ssh-config", config)
    identity = shipment(fp32_bundle).identity
    dry = run(fp32_bundle, *common, "--dry-run")
    assert dry.exit_code == 0 and dry.stdout.count("would run") == 5, dry.output
    assert not any((board.root / "bundles").exists() for board in boards)

    done = run(fp32_bundle, *common, "--json")
    assert done.exit_code == 1, done.output
    outcomes = json.loads(done.stdout)
    assert [(o["group"], o["host"], o["state"]) for o in outcomes] == [
        ("first", "gate-1", "runs"),
        ("north", "gate-2", "failed"),
        ("north", "gate-3", "not tried"),
        ("south", "gate-4", "not tried"),
        ("south", "gate-5", "not tried"),
    ]
    assert "every" in outcomes[1]["text"] and "lpr.toml" in outcomes[1]["text"]
    assert outcomes[2]["text"] == "stopped: 1 of 2 boards of group north failed"
    assert [board.current for board in boards] == [identity, None, None, None, None]

    shown = run("--status", *common)
    assert shown.exit_code == 1, shown.output
    rows = [line.split() for line in shown.stdout.splitlines()[1:]]
    assert rows[0][:3] == ["first", "gate-1", identity] and "healthy" in rows[0]
    assert [row[2] for row in rows[1:]] == ["nothing"] * 4
    # It is there, and settings are not the bundle's fault.
    assert rows[1][3:] == ["none", identity]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "board: none given"),
        (("{bundle}",), "board: none given"),
        (("none", "gate"), "none: is not a folder – name a bundle's folder"),
        (("tests", "gate"), "tests: holds no manifest.json – name a bundle's folder"),
        (("{bundle}", "gate", "--inventory", "fleet.toml"), "gate: is a board beside those of --inventory"),
        (("--status", "gate", "--inventory", "fleet.toml"), "gate: is a board beside those of --inventory"),
        (("{bundle}", "gate", "--root", "x"), "--root 'x': is no folder"),
        (("{bundle}", "gate", "--root", "/a b"), "--root '/a b': is no folder"),
        (("{bundle}", "a b"), "board 'a b': is no name of a board"),
        (("{bundle}", "gate", "gate"), "gate is there twice"),
        (("{bundle}", "gate", "--keep", "0"), "--keep"),
    ],
)
def test_wrong_use_is_one_line(arguments: tuple[str, ...], why: str, fp32_bundle: Path) -> None:
    done = run(*(str(fp32_bundle) if a == "{bundle}" else a for a in arguments))
    assert done.exit_code == 2, done.output
    assert why in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_damaged_bundle_is_not_sent(fp32_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(fp32_bundle, tmp_path / "bundle")
    with (tmp_path / "bundle/golden.bin").open("ab") as file:
        file.write(b"x")
    done = run(tmp_path / "bundle", "nowhere.invalid")
    assert done.exit_code == 2 and "golden.bin: has" in done.stderr
