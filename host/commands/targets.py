"""`lpr-host targets`: list the boards there are profiles for, or explain one."""

from __future__ import annotations

import json

import click

from device_runtime.console import one_line_errors
from host.targets.profile import Target
from host.targets.read import list_targets, load_target


def table(targets: list[Target]) -> str:
    """One line a target: name, instruction family, cores, memory, what it is."""
    rows = [("TARGET", "ARCH", "CPU", "INT8 KERNELS", "CORES", "RAM", "GLIBC", "WHAT")]
    rows += [
        (t.name, t.arch, t.llvm.mcpu, t.isa, str(t.cores), f"{t.ram_mb} MB", f"≥ {t.glibc}", t.display_name)
        for t in targets
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def explain(target: Target) -> str:
    """All of one profile, and the command that builds for it."""
    reach = target.reach
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
        "reached by": ", ".join(
            [f"ssh {reach.ssh_host}"] * bool(reach.ssh_host)
            + [f"serial {reach.serial_port} at {reach.baud} baud"] * bool(reach.serial_port)
        )
        or "this machine",
        "build with": f"make target={target.name} build",
    }
    width = max(map(len, facts))
    return "\n".join([target.display_name, *(f"  {key.ljust(width)}  {text}" for key, text in facts.items())])


@click.command("targets")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the TVM target as JSON (with NAME).")
@one_line_errors
def targets_command(name: str | None, as_json: bool) -> None:
    """List the targets, or explain target NAME (or a .toml file)."""
    if name is None:
        click.echo(table([load_target(n) for n in list_targets()]))
    elif as_json:
        click.echo(json.dumps(load_target(name).tvm_target()))
    else:
        click.echo(explain(load_target(name)))
