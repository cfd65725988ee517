"""How the packed file is called."""

from __future__ import annotations

import os
from pathlib import Path

from host.deploy.agent.session import session
from host.deploy.agent.supervisor import run_service
from host.deploy.agent.switch import revert


def main(arguments: list[str], packed: bytes | None = None) -> None:
    """`board.py revert ROOT` at the board's start; `board.py run ROOT` where there is no systemd.

    Args:
        arguments: none where the host asks.
        packed: as of `Board`.
    """
    os.umask(0o022)
    if not arguments:
        session(packed)
        return
    verb, root = arguments[0], Path(arguments[1])
    if (verb == "revert" or "--keep-pending" not in arguments) and (root / "pending.json").exists():
        revert(root)
    if verb == "run":
        run_service(root)
