from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from device_runtime.errors import FatalError
from host.cli import main
from host.emulate.count import qemu_with_plugins
from host.network.simplify import simplify
from host.network.work import published_work, simplified_work
from host.targets.read import load_target
from lprnet.network.checkpoint import load_checkpoint
from lprnet.weights import DEFAULT


@pytest.fixture(scope="module")
def checkpoint():
    return load_checkpoint(DEFAULT)


def test_simplification_is_visible(checkpoint) -> None:
    network = simplify(checkpoint)
    before, after = published_work(checkpoint), simplified_work(network)
    assert before.operations["conv2d"] == after.operations["convolution"] == 16
    assert before.operations["batch_norm"] > 0
    # The head runs once over the mean of four rows; the rest is the same work.
    assert before.macs - after.macs == 3 * network.macs_of(network.head)
    assert after.parameters < before.parameters


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_kernels_are_listed_with_their_cost(checkpoint, precision) -> None:
    done = CliRunner().invoke(main, ["explain", "--precision", precision, "--json"])
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    network = simplify(checkpoint)
    kernels = {kernel["name"]: kernel for kernel in shown["kernels"]}
    assert [k["name"] for k in shown["kernels"] if k["macs"]] == [
        layer.name.replace(".", "_") for layer in (*network.convs, network.head)
    ]
    assert sum(kernel["macs"] for kernel in kernels.values()) == network.macs
    weight = network.convs[-1].weight.size * {"fp32": 4, "int8": 1}[precision]
    assert weight <= kernels["tall"]["constants"] < 1.2 * weight
    assert all(kernel["cost"] > 0 for kernel in kernels.values())
    assert shown["microkernel"].startswith(precision)
    convolutions = [kernel for kernel in kernels.values() if kernel["macs"]]
    for kernel in convolutions:
        peak = shown["peaks"][kernel["workload"].split()[0]]
        assert kernel["peak_share"] == pytest.approx(kernel["macs"] / kernel["cost"] / peak)
    shares = [kernel["peak_share"] for kernel in convolutions]
    assert min(shares) < shown["peak_share"] < max(shares)


def test_a_table_names_tiles_and_shares(checkpoint) -> None:
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


def test_unknown_weights_are_one_line(tmp_path) -> None:
    done = CliRunner().invoke(main, ["explain", "--weights", str(tmp_path / "no.safetensors")])
    assert done.exit_code == 2
    assert "no.safetensors" in done.stderr
