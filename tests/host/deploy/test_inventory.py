from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.deploy.inventory import Inventory, read_inventory

WHOLE = """
bundle = "build/rpi4"
root = "/srv/lpr"
keep = 2
parallel = 8
enough = 0.9
most_failures = 3
healthy_within = 60
[[group]]
name = "first"
boards = ["pi@gate-1"]
[[group]]
name = "north"
bundle = "/bundles/rpi5"
enough = 0.5
boards = ["gate-2", { host = "gate-3", root = "/opt/other" }]
"""


def read(text: str, tmp_path: Path) -> Inventory:
    (tmp_path / "fleet.toml").write_text(text)
    return read_inventory(tmp_path / "fleet.toml")


def test_every_key_is_read(tmp_path: Path) -> None:
    fleet = read(WHOLE, tmp_path)
    first, north = fleet.group
    assert fleet.bundle == tmp_path / "build/rpi4" and north.bundle == Path("/bundles/rpi5")
    assert (fleet.keep, fleet.parallel, fleet.enough, fleet.most_failures) == (2, 8, 0.9, 3)
    assert [(fleet.host_of(b), fleet.root_of(b)) for b in (*first.boards, *north.boards)] == [
        ("pi@gate-1", "/srv/lpr"),
        ("gate-2", "/srv/lpr"),
        ("gate-3", "/opt/other"),
    ]


def test_options_override_it_and_its_groups(tmp_path: Path) -> None:
    fleet = read(WHOLE, tmp_path).with_options({"enough": 0.1, "keep": 5, "root": "/opt/x"})
    assert (fleet.enough, fleet.keep, fleet.root) == (0.1, 5, "/opt/x")
    assert {group.enough for group in fleet.group} == {None}
    assert fleet.bundle == tmp_path / "build/rpi4"
    with pytest.raises(FatalError, match=r"--root 'lpr': is no folder that a bundle may go to"):
        fleet.with_options({"root": "lpr"})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("keep = 2", "kept = 2"), "there is no key kept; is keep meant"),
        (("enough = 0.9", "enough = 2"), "enough"),
        (("parallel = 8", "parallel = 0"), "parallel"),
        (('root = "/srv/lpr"', 'root = "/srv/a b"'), "root"),
        (('"pi@gate-1"', '"-oProxyCommand=x"'), "group"),
        (('"pi@gate-1"', '"gate-2"'), "board gate-2 is there twice"),
        (('"north"', '"first"'), "group first is there twice"),
        (('["pi@gate-1"]', "[]"), "boards"),
        (("[[group]]", "[[groups]]"), "groups"),
        (("keep = 2", "keep = "), "is no TOML"),
    ],
)
def test_a_wrong_key_is_one_line_that_names_it(tmp_path: Path, change: tuple[str, str], why: str) -> None:
    with pytest.raises(FatalError) as error:
        read(WHOLE.replace(*change), tmp_path)
    assert why in str(error.value) and "fleet.toml" in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="cannot be read"):
        read_inventory(tmp_path / "none.toml")
