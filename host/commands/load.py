"""`lpr-host load`: simulated boards against a collector."""

from __future__ import annotations

import logging
import shlex
import subprocess
import sys

import click

from device_runtime.errors import FatalError
from lprnet.commands.options import Number
from lprnet.console import table

LOG = logging.getLogger(__name__)


@click.command("load")
@click.option("--db", required=True, metavar="URL", help="Database to fill: an empty one.")
@click.option("--boards", type=click.IntRange(1), default=200, show_default=True)
@click.option(
    "--rate", type=Number(0.01, 1000), default=1.0, show_default=True, help="Events a second of a board."
)
@click.option("--seconds", type=Number(1, 86_400), default=60.0, show_default=True)
@click.option("--collectors", type=click.IntRange(1), default=1, show_default=True, help="On that database.")
@click.option("--kills", type=click.IntRange(0), default=0, help="How often a collector is killed (-9).")
@click.option("--during", metavar="COMMAND", help="Run in the middle, e.g. what restarts PostgreSQL.")
def load_command(
    db: str, boards: int, rate: float, seconds: float, collectors: int, kills: int, during: str | None
) -> None:
    """Let simulated boards send events to collectors on this machine, and look what arrived.

    Boards run the client code of real ones. Collectors are started here, for the time of it.

    Exit status: 0 if everything arrived once, 1 if not, 2 on an error.
    """
    from host.bench.fleet.run import Load, run

    outcome = run(
        Load(
            db=db,
            boards=boards,
            rate=rate,
            seconds=seconds,
            collectors=collectors,
            kills=kills,
            during=(lambda: _run(during)) if during else None,
        )
    )
    per_request = outcome.acknowledged / outcome.requests if outcome.requests else 0
    rows = [
        ("items", f"{outcome.put}"),
        ("acknowledged", f"{outcome.acknowledged}"),
        ("acknowledged and lost", f"{outcome.lost}"),
        ("stored twice", f"{outcome.twice}"),
        ("items a second", f"{outcome.rate:.0f}"),
        ("items a request", f"{per_request:.1f}"),
        ("failed requests", f"{outcome.failures}"),
        ("acknowledged after, p50", f"{outcome.p50_ms:.1f} ms"),
        ("p99", f"{outcome.p99_ms:.1f} ms"),
        ("longest", f"{outcome.max_ms:.1f} ms"),
        ("collectors' processor time", f"{outcome.collector_cpu_s / outcome.seconds:.2f} cores"),
        ("boards' processor time", f"{outcome.board_cpu_s / outcome.seconds:.2f} cores"),
        ("kills", f"{outcome.kills}"),
    ]
    table(("what", "value"), rows, right={"value"})
    sys.exit(0 if outcome.faultless else 1)


def _run(command: str) -> None:
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    except (OSError, ValueError) as error:
        raise FatalError(f"--during {command}", f"cannot be run ({error})", "give a command") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-200:] or "it says nothing"
        raise FatalError(f"--during {command}", f"ends with status {done.returncode}", said)
    LOG.info("done: %s", command)
