"""Which boards there are, in groups: a TOML file, every key checked.

bundle = "build/rpi4"           # of all groups that name none
root = "/opt/lpr-edge"
keep = 3                        # bundles on a board
parallel = 4                    # boards at a time
enough = 1.0                    # share of a group's boards that must be healthy before the next group
# most_failures = 3             # so many boards of all groups fail, and no further one is begun
healthy_within = 180            # seconds

[[group]]
name = "first"
boards = ["pi@gate-1"]

[[group]]
name = "north"
enough = 0.9
boards = ["pi@gate-2", { host = "gate-3", root = "/srv/lpr" }]
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
import tomllib

from device_runtime.errors import FatalError
from device_runtime.schema import Strict, from_table

ROOT = "/opt/lpr-edge"

HOST = r"^[^\s\x00-\x1f-][^\s\x00-\x1f]*$"
MAX_HOST = 255
"""Characters of a board's name for ssh."""
PATH = r"^/[A-Za-z0-9/._+-]*[A-Za-z0-9._+-]$"

Root = Annotated[str, msgspec.Meta(pattern=PATH)]
Host = Annotated[str, msgspec.Meta(pattern=HOST, max_length=MAX_HOST)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Several = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Seconds = Annotated[float, msgspec.Meta(ge=1.0, le=3600.0)]

_TODO = "see docs/deploy.md"


class BoardEntry(Strict, frozen=True, kw_only=True):
    """A board whose `root` is not the inventory's."""

    host: Host
    root: Root


class GroupEntry(Strict, frozen=True, kw_only=True):
    """A `[[group]]`.

    Attributes:
        bundle, enough: the inventory's where None.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    boards: Annotated[tuple[Host | BoardEntry, ...], msgspec.Meta(min_length=1)]
    bundle: Path | None = None
    enough: Share | None = None


class Inventory(Strict, frozen=True, kw_only=True):
    """A fleet.

    Attributes:
        group: in the order that they are deployed in.
        bundle: of groups that name none.
        root: folder on the boards.
        keep: bundles on a board, the one that runs among them.
        parallel: boards of a group at a time.
        enough: share of a group's boards that must be healthy before the next group is begun.
        most_failures: so many boards of all groups fail, and no further one is begun; None: however many.
        healthy_within: seconds until a bundle's first healthy report.

    Raises:
        ValueError: a board or a group's name is there twice.
    """

    group: Annotated[tuple[GroupEntry, ...], msgspec.Meta(min_length=1)]
    bundle: Path | None = None
    root: Root = ROOT
    keep: Several = 3
    parallel: Several = 4
    enough: Share = 1.0
    most_failures: Several | None = None
    healthy_within: Seconds = 180.0

    def __post_init__(self) -> None:
        boards = [
            (self.host_of(board), self.root_of(board)) for group in self.group for board in group.boards
        ]
        for what, names in (
            ("board", [host for host, _ in boards] if len(set(boards)) < len(boards) else []),
            ("group", [group.name for group in self.group]),
        ):
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise ValueError(f"{what} {twice} is there twice")

    def with_options(self, given: dict[str, Any]) -> Inventory:
        """The same with what the command line says instead.

        Raises:
            FatalError: a value is not allowed.
        """
        root = given.get("root", ROOT)
        if not re.fullmatch(PATH, root):
            why = "is no folder that a bundle may go to"
            raise FatalError(f"--root {root!r}", why, "begin with / and use letters, digits, /._+-")
        if "enough" in given:
            groups = tuple(msgspec.structs.replace(group, enough=None) for group in self.group)
            given = {"group": groups, **given}
        raw = msgspec.to_builtins(msgspec.structs.replace(self, **given), enc_hook=str)
        return from_table(Inventory, raw, "lpr-host deploy", todo=_TODO)

    def host_of(self, board: str | BoardEntry) -> str:
        """The name for ssh."""
        return board if isinstance(board, str) else board.host

    def root_of(self, board: str | BoardEntry) -> str:
        """The folder on it."""
        return self.root if isinstance(board, str) else board.root


def of_hosts(hosts: tuple[str, ...]) -> Inventory:
    """A fleet of one group.

    Raises:
        FatalError: a name is none, or there twice.
    """
    for host in hosts:
        if not re.fullmatch(HOST, host) or len(host) > MAX_HOST:
            raise FatalError(f"board {host!r}", "is no name of a board", "give [USER@]NAME as for ssh")
    raw = {"group": [{"name": "–", "boards": list(hosts)}]}
    return from_table(Inventory, raw, "lpr-host deploy", todo="give each board once, [USER@]NAME as for ssh")


def read_inventory(path: Path) -> Inventory:
    """The inventory in the file *path*; relative paths start from its folder.

    Raises:
        FatalError: it cannot be read, or a key is unknown or its value not allowed.
    """
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", _TODO) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FatalError(str(path), f"is no TOML ({error})", _TODO) from None
    return from_table(Inventory, raw, str(path), base=path.parent, todo=_TODO)
