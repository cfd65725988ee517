from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tvm
from torch import nn
from tvm.s_tir import Schedule
from tvm.s_tir.meta_schedule import relax_integration
from tvm.s_tir.meta_schedule.database import JSONDatabase, TuningRecord

from host.compile.baselines import _fused, metaschedule, relax_module
from host.targets.profile import Target
from host.targets.read import load_target


def measure(model: nn.Module, target: Target, folder: Path, times: int) -> None:
    """Put *times* measurements of *model*, a single operator, into the database in *folder*."""
    tvm_target = tvm.target.Target(target.tvm_target())
    (task,) = relax_integration.extract_tasks(_fused(relax_module(model), tvm_target), tvm_target)
    database = JSONDatabase(work_dir=str(folder))
    workload = database.commit_workload(task.dispatched[0])
    for i in range(times):
        trace = Schedule(workload.mod).trace
        database.commit_tuning_record(TuningRecord(trace, workload, [1.0 + i], tvm_target))


def test_only_measurements_of_its_own_operators_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = load_target("native")
    narrow, wide = (nn.Conv2d(3, out, 1, bias=False) for out in (4, 8))
    measure(narrow, target, tmp_path, 3)
    measure(wide, target, tmp_path, 1)
    asked: list[int] = []
    monkeypatch.setattr(
        relax_integration, "tune_relax", lambda *_, **options: asked.append(options["max_trials_global"])
    )
    for model in (narrow, wide):
        metaschedule(relax_module(model), target, tmp_path, trials=3)
    assert asked == [2]


def test_operators_without_a_measurement_are_tuned_beyond_the_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = load_target("native")
    first, second = nn.Conv2d(3, 4, 1, bias=False), nn.Sigmoid()
    measure(first, target, tmp_path, 8)
    asked: list[int] = []
    monkeypatch.setattr(
        relax_integration, "tune_relax", lambda *_, **options: asked.append(options["max_trials_global"])
    )
    both = nn.Sequential(first, nn.MaxPool2d(3), second)
    for trials in (4, 0):
        metaschedule(relax_module(both), target, tmp_path, trials)
    assert asked and asked[0] % 16 == 0 and asked[0] >= 32 and len(asked) == 1


def test_a_builder_compiles_without_the_intrinsics_of_gpus() -> None:
    """In a process of its own, as MetaSchedule starts them: what this one has imported does not count."""
    code = """
import sys
import numpy as np
import tvm
from tvm import te
from host.compile.metaschedule_worker import build_operator
a = te.placeholder((8,), name="a")
double = te.create_prim_func([a, te.compute((8,), lambda i: a[i] * 2)]).with_attr("global_symbol", "main")
built = build_operator(tvm.IRModule({"main": double}), tvm.target.Target("llvm"), None)
x, y = tvm.runtime.tensor(np.arange(8, dtype="float32")), tvm.runtime.tensor(np.zeros(8, "float32"))
built["main"](x, y)
print(y.numpy().tolist(), "tvm.s_tir.tensor_intrin" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[0] == f"{[2.0 * i for i in range(8)]} False", done.stderr
