from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from device_runtime.errors import FatalError
from host.cli import main
from host.emulate.count import qemu_with_plugins
from host.network.simplify import simplify
from host.targets.read import load_target
from lprnet.network.checkpoint import load_checkpoint
from lprnet.weights import of_recipe


def test_json_is_of_the_network_that_is_built_by_default() -> None:
    done = CliRunner().invoke(main, ["explain", "--json"])
    assert done.exit_code == 0, done.output
    shown, recipe = json.loads(done.stdout), load_target("native").recipe
    assert shown["microkernel"].startswith(recipe.precision)
    network = simplify(load_checkpoint(of_recipe(recipe.pruning)))
    assert sum(kernel["macs"] for kernel in shown["kernels"]) == network.macs


def test_a_table_names_tiles_and_shares() -> None:
    target = load_target("rpi4")
    try:
        qemu_with_plugins(target)
    except FatalError as error:
        pytest.skip(str(error))
    done = CliRunner().invoke(main, ["explain", "--target", "rpi4", "--precision", "fp32"])
    assert done.exit_code == 0, done.output
    assert "6 batch_norm" in done.stdout
    assert "counted on cortex-a72" in done.stdout
    tall = next(line for line in done.stdout.splitlines() if line.startswith("tall"))
    assert "×" in tall
    assert tall.endswith("%")
    # A72: one 128-bit fma a cycle.
    assert "4.0 MAC a cycle (fp32-neon)" in done.stdout


def test_unknown_weights_are_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["explain", "--weights", str(tmp_path / "no.safetensors")])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "no.safetensors" in done.stderr
