"""`lpr-host boards`: who may send to a collector."""

from __future__ import annotations

import click

from device_runtime.console import OneLineGroup, one_line
from host.commands import options
from lprnet.console import table


@click.group("boards", cls=OneLineGroup)
def boards_command() -> None:
    """Give boards tokens for a collector, list boards, or take their tokens away."""


@boards_command.command("add")
@click.argument("name")
@options.db
def add_command(name: str, db: str) -> None:
    """Print a new token for the board NAME; older ones stay valid until they are revoked.

    The token is shown this once. The board reads it from LPR_TOKEN, the file that LPR_TOKEN_FILE names, or
    systemd's credential lpr-token.
    """
    from host.store.store import open_store

    with open_store(db) as store:
        click.echo(store.add_token(name))


@boards_command.command("list")
@options.db
@options.as_json
def list_command(db: str, as_json: bool) -> None:
    """List boards, when something last came from them, and what runs there."""
    import msgspec

    from host.store.store import open_store
    from host.store.values import Board

    boards: list[Board] = []
    with open_store(db) as store:
        while some := store.boards(boards[-1].name if boards else ""):
            boards += some
    if as_json:
        told = [
            {
                "name": board.name,
                "tokens": board.tokens,
                "created_at": board.created_at,
                "last_received_at": board.last_received_at,
                "last_time": board.last_time,
                "health": None if board.health is None else board.health.health,
            }
            for board in boards
        ]
        click.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
        return
    headings = ("board", "tokens", "last came", "by its clock", "target", "precision")
    rows = []
    for board in boards:
        bundle = board.health.health.bundle if board.health else None
        times = (board.last_received_at, board.last_time)
        rows.append(
            (
                board.name,
                str(board.tokens),
                *(time.isoformat(" ", "seconds") if time else "never" for time in times),
                *((one_line(bundle.target), one_line(bundle.precision)) if bundle else ("–", "–")),
            )
        )
    table(headings, rows, right={"tokens"})


@boards_command.command("revoke")
@click.argument("name")
@options.db
def revoke_command(name: str, db: str) -> None:
    """Make all tokens of the board NAME invalid; a collector that runs notices within 5 s."""
    from host.store.store import open_store

    with open_store(db) as store:
        click.echo(f"{name}: tokens revoked: {store.revoke(name)}")
