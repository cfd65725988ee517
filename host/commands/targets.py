"""`lpr-host targets`: list the boards there are profiles for, or explain one."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from host.commands import options
from host.targets.profile import Target
from host.targets.read import summarize
from lprnet.console import table


@click.command("targets")
@click.argument("target", metavar="[NAME]", required=False, type=options.TargetType())
@options.as_json
def targets_command(target: Target | None, as_json: bool) -> None:
    """List the targets, or explain target NAME (or a .toml file); its JSON is what TVM compiles for."""
    if as_json:
        shown = [asdict(summary) for summary in summarize()] if target is None else target.tvm_target()
        click.echo(json.dumps(shown))
    elif target is None:
        _list()
    else:
        _explain(target)


def _list() -> None:
    rows = [
        (t.name, t.arch, t.cpu, t.isa, str(t.cores), f"{t.ram_mb} MB", f"≥ {t.glibc}", t.display_name)
        for t in summarize()
    ]
    headings = ("target", "arch", "cpu", "int8 kernels", "cores", "ram", "glibc", "what")
    table(headings, rows, right={"cores", "ram"})


def _explain(target: Target) -> None:
    """Print all of one profile, and the command that builds for it."""
    reach = target.reach
    ways = []
    if reach.ssh_host:
        ways.append(f"ssh {reach.ssh_host}")
    if reach.serial_port:
        ways.append(f"serial {reach.serial_port} at {reach.baud} baud")
    facts = {
        "vendor": target.vendor_url or "detected on this machine",
        "architecture": f"{target.arch} ({target.llvm.mtriple}), {target.cores} cores, {target.ram_mb} MB",
        "compiled for": f"{target.llvm.mcpu} {' '.join(target.llvm.mattr)}".rstrip(),
        "CPU must have": ", ".join(target.cpu_features),
        "int8 kernels": target.isa,
        "C library": f"glibc {target.glibc} or newer",
        "recipe": f"{target.recipe.precision}, pruning {target.recipe.pruning}",
        "linked with": f"{target.link.prefer}, else zig for {target.link.fallback}",
        "emulated as": target.emulate_cpu or "not emulated",
        "usually reached by": ", ".join(ways) or "no usual way",
        "build with": f"make target={target.name} build",
    }
    if target.name == "native":
        facts["usually reached by"] = "this machine"
    table((target.display_name, ""), list(facts.items()))
