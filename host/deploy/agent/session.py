"""What the host asks, and the answers."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from host.deploy.agent.board import Board
from host.deploy.agent.incoming import Incoming
from host.deploy.agent.refused import Refused

_OF_BOARD = ("hello", "lock", "install", "activate")
_OF_INCOMING = ("prepare", "receive", "seal")


def requests() -> Iterator[dict[str, Any]]:
    """What the host asks, until it goes away."""
    while line := sys.stdin.buffer.readline():
        yield json.loads(line)


def session(packed: bytes | None = None) -> None:
    """Answer the host until it goes away.

    Args:
        packed: as of `Board`.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    gone = False

    def tell(message: dict[str, Any]) -> None:
        nonlocal gone
        try:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()
        except OSError:
            gone = True
            if not switching:
                raise

    board: Board | None = None
    incoming: Incoming | None = None
    switching = False
    for request in requests():
        do = request.pop("do")
        try:
            if board is None:
                root = Path(request.pop("root"))
                board, incoming = Board(root, lambda kind, line: tell({kind: line}), packed), Incoming(root)
            # A switch goes on to its end, whether anybody listens or not.
            switching = do == "activate"
            if do not in (*_OF_BOARD, *_OF_INCOMING):
                raise Refused(do, "is nothing that a board does", "use lpr-host deploy")
            tell({"done": getattr(board if do in _OF_BOARD else incoming, do)(**request)})
        except Refused as refused:
            tell({"refused": refused.answer})
        except EOFError:
            return
        except OSError as error:
            if gone:
                return
            what = error.filename or "the board"
            tell({"refused": {"what": str(what), "why": str(error.strerror), "todo": "see the board's disk"}})
