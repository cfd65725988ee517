"""`lpr-host deploy`: a bundle → boards, over ssh."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from device_runtime.errors import FatalError
from host.commands import options
from lprnet.console import table


@click.command("deploy")
@click.argument("what", nargs=-1, metavar="[BUNDLE] [USER@]HOST...")
@click.option("--inventory", type=options.FILE, help="Boards in groups, a TOML file; see docs/deploy.md.")
@click.option("--status", is_flag=True, help="Show what runs where; no BUNDLE then.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--again", is_flag=True, help="Also where it runs already, or failed before.")
@click.option("--offline", is_flag=True, help="Bring Python's packages along, for boards without internet.")
@click.option(
    "--keep",
    type=click.IntRange(1, 1000),
    help="Bundles that stay on a board, the one that runs among them; 3 by default.",
)
@click.option("--parallel", type=click.IntRange(1, 1000), help="Boards at a time; 4 by default.")
@click.option(
    "--enough",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Of a group's boards that must be healthy before others are begun; 1.0 by default.",
)
@click.option("--most-failures", type=click.IntRange(1, 1000), help="Stop when so many boards failed.")
@click.option(
    "--healthy-within",
    type=click.FloatRange(1, 3600),
    metavar="S",
    help="Longest wait for the first healthy report; 180 by default.",
)
@click.option("--root", help="Folder on the boards; /opt/lpr-edge by default.")
@click.option("--ssh-config", type=options.FILE, help="In place of your own, as ssh -F.")
@click.option(
    "--rsync/--no-rsync", default=True, help="Copy with rsync where both ends have it; rsync by default."
)
@options.as_json
def deploy_command(
    what: tuple[str, ...],
    inventory: Path | None,
    status: bool,
    dry_run: bool,
    again: bool,
    offline: bool,
    keep: int | None,
    parallel: int | None,
    enough: float | None,
    most_failures: int | None,
    healthy_within: float | None,
    root: str | None,
    ssh_config: Path | None,
    rsync: bool,
    as_json: bool,
) -> None:
    """Bring the bundle in folder BUNDLE onto boards: check it there, switch, restart the service, await its
    first healthy report, else take it back.

    Exit status: 0 if all boards are healthy, 1 if not, 2 on an error.
    """
    from dataclasses import asdict

    import msgspec

    from host.deploy import table as rows
    from host.deploy.deploy import Way
    from host.deploy.inventory import of_hosts, read_inventory
    from host.deploy.run import ask_all, deploy_all

    bundle, hosts = _sorted(what, inventory is not None, status)
    if inventory is not None:
        fleet = read_inventory(inventory)
    elif hosts:
        fleet = of_hosts(hosts)
    else:
        raise FatalError("board", "none given", "name one as for ssh, [USER@]HOST, or give --inventory")
    given = {
        "root": root,
        "keep": keep,
        "parallel": parallel,
        "enough": enough,
        "most_failures": most_failures,
        "healthy_within": healthy_within,
    }
    fleet = fleet.with_options({key: value for key, value in given.items() if value is not None})
    only = sum(len(group.boards) for group in fleet.group) == 1
    way = Way(
        keep=fleet.keep,
        again=again,
        healthy_within_s=fleet.healthy_within,
        dry_run=dry_run,
        config=ssh_config,
        # Questions of several boards at once could not be told apart.
        ask=only and sys.stdin.isatty(),
        rsync=rsync,
    )
    if status:
        states = ask_all(fleet, way)
        if as_json:
            found = {
                host: facts if isinstance(facts, dict) else {"error": str(facts)} for _, host, facts in states
            }
            click.echo(msgspec.json.encode(found))
        else:
            table(rows.STATUS_HEADINGS, [rows.status_row(*state) for state in states])
        sys.exit(0 if all(rows.is_healthy(facts) for _, _, facts in states) else 1)
    outcomes = deploy_all(fleet, bundle, way, offline=offline)
    if as_json:
        click.echo(msgspec.json.encode([{"group": group, **asdict(outcome)} for group, outcome in outcomes]))
    else:
        table(rows.OUTCOME_HEADINGS, rows.outcome_rows(outcomes))
        for _, outcome in outcomes:
            for line in outcome.said:
                click.echo(f"{outcome.host} said: {line}", err=True)
    sys.exit(0 if all(outcome.healthy for _, outcome in outcomes) else 1)


def _sorted(what: tuple[str, ...], has_inventory: bool, status: bool) -> tuple[Path | None, tuple[str, ...]]:
    """Bundle and boards among the arguments."""
    if status:
        if has_inventory and what:
            raise FatalError(what[0], "is a board beside those of --inventory", "leave one of both out")
        return None, what
    if has_inventory:
        if len(what) > 1:
            raise FatalError(what[1], "is a board beside those of --inventory", "leave one of both out")
        return (Path(what[0]) if what else None), ()
    return (Path(what[0]) if what else None), what[1:]
