"""Which target is for which board, from all profiles; the device package takes it along."""

from __future__ import annotations

from pathlib import Path

from device_runtime.board.suggest import Advice, KnownTarget
from host.paths import TARGETS
from host.targets.read import list_targets, load_target


def advice(directory: Path = TARGETS) -> Advice:
    """What the profiles in *directory* say of boards.

    Raises:
        FatalError: a profile is wrong.
    """
    # `native` is what is left where nothing fits, and reading it means looking at this machine.
    targets = [load_target(name, directory) for name in list_targets(directory) if name != "native"]
    return Advice(
        targets=tuple(
            KnownTarget(
                name=target.name,
                arch=target.arch,
                cpu_features=target.cpu_features,
                match=target.board.match,
                fallback=target.board.fallback,
            )
            for target in targets
            if target.board.match or target.board.fallback
        )
    )
