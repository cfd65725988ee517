"""A fleet is deployed, or asked what runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from device_runtime.errors import FatalError
from host.deploy.deploy import Outcome, Shipments, Way, deploy, status
from host.deploy.fleet import Group, deploy_groups
from host.deploy.inventory import BoardEntry, Inventory
from host.deploy.shipment import Shipment, shipment
from host.deploy.wheels import wheels_for


def deploy_all(
    fleet: Inventory, bundle: Path | None, way: Way, *, offline: bool = False
) -> list[tuple[str, Outcome]]:
    """Deploy a fleet and return group and outcome of each board.

    Args:
        bundle: in place of what the inventory names.
        offline: bring Python's packages along.

    Raises:
        FatalError: a bundle is not there or damaged; no board was touched.
    """
    ships: dict[str, Shipments] = {}
    for entry in fleet.group:
        folder = bundle or entry.bundle or fleet.bundle
        if folder is None:
            raise FatalError("bundle", f"none given for group {entry.name}", "name its folder")
        ships[entry.name] = _shipments(folder, offline)
    groups = [
        Group(
            name=entry.name,
            boards=tuple((entry.name, board) for board in entry.boards),
            enough=fleet.enough if entry.enough is None else entry.enough,
        )
        for entry in fleet.group
    ]

    def one(named: tuple[str, str | BoardEntry]) -> Outcome:
        group, board = named
        return deploy(fleet.host_of(board), ships[group], way, fleet.root_of(board))

    def skip(named: tuple[str, str | BoardEntry], why: str) -> Outcome:
        return Outcome(host=fleet.host_of(named[1]), state="not tried", bundle=None, text=why)

    return deploy_groups(groups, one, skip, parallel=fleet.parallel, most_failures=fleet.most_failures)


def ask_all(fleet: Inventory, way: Way) -> list[tuple[str, str, dict[str, Any] | FatalError]]:
    """Group and name of each board, and what it says of itself or why it cannot be asked."""

    def one(board: str | BoardEntry) -> dict[str, Any] | FatalError:
        try:
            return status(fleet.host_of(board), way.config, fleet.root_of(board), way.ask)
        except FatalError as error:
            return error

    named = [(group.name, board) for group in fleet.group for board in group.boards]
    with ThreadPoolExecutor(fleet.parallel) as pool:
        found = list(pool.map(one, [board for _, board in named]))
    return [(group, fleet.host_of(board), facts) for (group, board), facts in zip(named, found, strict=True)]


def _shipments(folder: Path, offline: bool) -> Shipments:
    plain = shipment(folder)
    if not offline:
        return lambda facts: plain
    lock = Lock()

    @cache
    def with_wheels(arch: str, python: str) -> Shipment:
        return shipment(folder, wheels_for(folder, arch, python))

    def ship(facts: dict[str, Any]) -> Shipment:
        # Boards of one kind get the same wheels, downloaded once.
        with lock:
            return with_wheels(facts["arch"], facts["python"])

    return ship
