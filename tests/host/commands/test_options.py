from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import host.cli
from host.commands import options
from host.targets.profile import Target
from host.targets.read import load_target

OTHERS = {"bench"}
"""Where `--target` has another default, which depends on `--isa`."""
NAMES = ("fp32", "int8")


def shared(name: str) -> dict[str, click.Option]:
    """The option *name* of every command that has one."""
    context = click.Context(host.cli.main)
    commands = {n: host.cli.main.get_command(context, n) for n in host.cli.main.list_commands(context)}
    return {
        n: parameter
        for n, command in commands.items()
        if command is not None
        for parameter in command.params
        if isinstance(parameter, click.Option) and name in parameter.opts
    }


def test_every_target_is_native_by_default() -> None:
    targets = {name: option for name, option in shared("--target").items() if name not in OTHERS}
    assert {"build", "doctor", "explain", "prune", "test-device", "tune"} <= set(targets)
    assert {name: option.default for name, option in targets.items()} == dict.fromkeys(targets, "native")


@pytest.mark.parametrize("name", ["--target", "--precision", "--calibration", "--data", "--json"])
def test_an_option_says_the_same_in_every_command(name: str) -> None:
    assert len({option.help for command, option in shared(name).items() if command not in OTHERS}) == 1


def test_a_default_that_is_decided_later_is_called_by_default() -> None:
    context = click.Context(host.cli.main)
    for name in host.cli.main.list_commands(context):
        command = host.cli.main.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            text = getattr(parameter, "help", None) or ""
            assert "unless given" not in text and "[default" not in text


def test_a_target_is_read_when_the_line_is_parsed(tmp_path: Path) -> None:
    @click.command()
    @options.target
    def show(target: Target) -> None:
        click.echo(target.display_name)

    assert CliRunner().invoke(show, ["--target", "rpi4"]).output == "Raspberry Pi 4 Model B\n"
    assert load_target("rpi4").display_name == "Raspberry Pi 4 Model B"


def test_names_are_taken_once_and_in_their_order() -> None:
    assert options.NamesType(NAMES).convert(" int8,fp32, int8,", None, None) == ("int8", "fp32")
    assert options.NamesType(NAMES, or_none=True).convert("none", None, None) == ()


@pytest.mark.parametrize("text", ["", ",", "int4", "none", "fp32;int8"])
def test_other_names_are_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(click.BadParameter, match="choose among fp32, int8"):
        options.NamesType(NAMES).convert(text, None, None)


def test_counts_are_whole_numbers() -> None:
    assert options.CountsType().convert("1, 2,1", None, None) == (1, 2)
    for text in ("", "0", "-1", "1.5", "one", "1,"):
        with pytest.raises(click.BadParameter, match="not a list of counts"):
            options.CountsType().convert(text, None, None)
