"""`lpr-host explain`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from device_runtime.console import one_line_errors
from host.check.explain import explain, table
from host.targets.profile import PRECISIONS
from host.targets.read import load_target
from lprnet.network.checkpoint import load_checkpoint
from lprnet.weights import DEFAULT


@click.command("explain")
@click.option("--target", "name", default="native", show_default=True, help="Profile name or .toml file.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="The target's recipe unless given.")
@click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint; the shipped one unless given.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@one_line_errors
def explain_command(name: str, precision: str | None, weights: Path | None, as_json: bool) -> None:
    """Show the network before and after simplification, and kernel by kernel where its time goes."""
    target = load_target(name)
    checkpoint = load_checkpoint(weights or DEFAULT)
    explanation = explain(checkpoint, target, precision or target.recipe.precision)
    click.echo(json.dumps(asdict(explanation)) if as_json else table(explanation))
