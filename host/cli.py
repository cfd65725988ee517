from __future__ import annotations

import importlib

import click

from device_runtime import __version__

COMMANDS = {
    "targets": "host.commands.targets:targets_command",
    "doctor": "host.commands.doctor:doctor_command",
    "build": "host.commands.build:build_command",
    "eval": "host.commands.eval:eval_command",
    "report": "host.commands.report:report",
    "bench": "host.commands.bench:bench_command",
    "results": "host.commands.results:results_command",
    "tune": "host.commands.tune:tune_command",
    "prune": "host.commands.prune:prune_command",
    "explain": "host.commands.explain:explain_command",
    "test-device": "host.commands.test_device:test_device_command",
}


class LazyGroup(click.Group):
    """Imports a command's module when it is called: `--help` and `targets` need not wait for TVM."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lpr-host")
def main() -> None:
    """Turn LPRNet weights into a bundle for an edge board, and show what the board reports."""
