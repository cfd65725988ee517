from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from host.cli import main
from host.kernels.registry import FLOAT32
from host.kernels.shape import Tile
from host.lower.tuned import TUNING_RECORDS, Record, Records
from host.lower.workload import workloads
from host.network.locator import find_graph, refine_graph
from host.network.simplify import simplify
from host.targets.profile import Target
from host.tune.workload import distinct, locator_workloads
from lprnet.locator.checkpoint import load_weights
from lprnet.network.checkpoint import load_checkpoint
from lprnet.weights import LOCATOR, of_recipe


def tune(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["tune", *arguments])


def test_an_interrupted_run_goes_on(rpi4: Target, tmp_path: Path) -> None:
    microkernel, locator = FLOAT32["neon"], load_weights(LOCATOR)
    reader = workloads(simplify(load_checkpoint(of_recipe(rpi4.recipe.pruning))), microkernel)
    graphs = find_graph(locator), refine_graph(locator)
    found = distinct(reader | locator_workloads(graphs, microkernel))
    path = tmp_path / "rpi4.json"
    known = [
        Record(
            workload=w.key,
            tile=Tile(2, 2),
            metric=1.0,
            default=2.0,
            unit="cycles",
            runner="emulated",
            cpu="cortex-a72",
        )
        for name, w in found.items()
        if name != "head"
    ]
    TUNING_RECORDS.write(path, Records("rpi4").merge(known))
    options = ("--target=rpi4", "--precision=fp32", "--runner=emulated", f"--output={path}", "--trials=8")
    done = tune(*options)
    assert done.exit_code == 0, done.output
    assert f"{len(found)} convolutions, 1 to tune" in done.stderr
    records = TUNING_RECORDS.read(path)
    assert len(records.records) == len(found)
    assert all(records.of(r.workload) == r for r in known)
    head = records.of(found["head"].key)
    assert head is not None and head.unit == "cycles" and head.default >= head.metric > 1e4
    assert "0 to tune" in tune(*options).stderr


def test_no_time_leaves_everything_for_the_next_run(rpi4: Target, tmp_path: Path) -> None:
    path = tmp_path / "rpi4.json"
    done = tune("--target=rpi4", "--precision=fp32", "--time=0", f"--output={path}")
    assert done.exit_code == 0, done.output
    assert "left for the next run" in done.stderr
    assert not path.exists()


@pytest.mark.parametrize(
    "options, message",
    [
        (("--target=nosuch",), "no such target"),
        (("--target=rpi4", "--precision=bf16"), "bf16"),
        (("--target=rpi4", "--runner=local"), "this machine"),
        (("--target=rpi4", "--runner=rpc"), "HOST:PORT"),
        (("--target=rpi4", "--runner=rpc", "--rpc=board"), "HOST:PORT"),
        (("--target=x86-64-v3", "--runner=emulated"), "not emulated"),
        (("--target=rpi4", "--weights=/nowhere.safetensors"), "nowhere"),
    ],
)
def test_bad_requests_are_one_line(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    done = tune(*options, f"--output={tmp_path / 'records.json'}")
    assert done.exit_code == 2
    assert message in done.stderr.splitlines()[-1]


def test_records_of_another_target_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    TUNING_RECORDS.write(path, Records("rpi5"))
    done = tune("--target=rpi4", f"--output={path}")
    assert done.exit_code == 2
    assert "rpi5" in done.stderr
