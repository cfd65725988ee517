"""The network through TVM's own pipeline: what the hand-scheduled kernels are compared with."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any, Literal

import torch
import tvm
from torch import nn
from tvm import relax
from tvm.relax.frontend.torch import from_exported_program

from device_runtime.errors import FatalError
from device_runtime.read.preprocess import DEFAULT
from host.compile.metaschedule_worker import build_operator
from host.paths import BUILD
from host.targets.native import runs_here
from host.targets.profile import Target

Baseline = Literal["default", "metaschedule"]
"""`default`: Relax's default pipeline, untuned. `metaschedule`: MetaSchedule's generic search over it."""

TRIALS, ROUND = 1024, 16
"""Measurements in all, and of one operator at a time."""
DATABASES = BUILD / "metaschedule"


def relax_module(model: nn.Module) -> tvm.IRModule:
    """*model* through torch.export: `main(image float32[1,3,24,94])` → logits."""
    image = torch.zeros(1, 3, DEFAULT.height, DEFAULT.width)
    program = torch.export.export(model.eval(), (image,))
    module = from_exported_program(program, keep_params_as_input=False, unwrap_unit_return_tuple=True)
    # Before anything is folded, or the unused indices of the max pools are kept as constants.
    clean = [relax.transform.CanonicalizeBindings(), relax.transform.DeadCodeElimination()]
    return tvm.transform.Sequential(clean)(module)


def compile_baseline(
    model: nn.Module, target: Target, schedule: Baseline, trials: int = TRIALS
) -> relax.VMExecutable:
    """Compile *model* for *target* without the hand-scheduled kernels.

    Raises:
        FatalError: MetaSchedule cannot measure for the target here.
    """
    module, tvm_target = relax_module(model), tvm.target.Target(target.tvm_target())
    if schedule == "default":
        with tvm_target:
            return tvm.compile(module, tvm_target)
    from tvm.s_tir.meta_schedule.relax_integration import compile_relax

    database = metaschedule(module, target, DATABASES / target.name, trials)
    return compile_relax(database, module, tvm_target, params=None)


def metaschedule(module: tvm.IRModule, target: Target, folder: Path, trials: int = TRIALS) -> object:
    """MetaSchedule's database in *folder* after *trials* measurements here of *module*'s operators.

    Earlier ones count, where they were of equal operators. An operator without any gets a round of them even
    beyond *trials*: one that is left as it comes takes longer than all the others.

    Raises:
        FatalError: this machine does not run the target's code.
    """
    from tvm.s_tir.meta_schedule.builder import LocalBuilder
    from tvm.s_tir.meta_schedule.database import JSONDatabase
    from tvm.s_tir.meta_schedule.relax_integration import tune_relax

    if not runs_here(target):
        raise FatalError(
            f"--schedule metaschedule for {target.name}", "this machine does not run its code", "use native"
        )
    folder.mkdir(parents=True, exist_ok=True)
    database = JSONDatabase(work_dir=str(folder))
    tvm_target = tvm.target.Target(target.tvm_target())
    fused = _fused(module, tvm_target)
    done = _measured(database, fused, tvm_target)
    left = trials - sum(done)
    if trials and 0 in done:
        left = max(left, ROUND * len(done))  # it goes through all operators in turn
    if left <= 0:
        return database
    return tune_relax(
        fused,
        params={},
        target=tvm.target.Target(target.tvm_target() | {"num-cores": os.cpu_count()}),
        work_dir=str(folder),
        builder=LocalBuilder(f_build=build_operator),
        max_trials_global=left,
        num_trials_per_iter=ROUND,
        # XGBoost is no dependency: 100 MB for a baseline. Without it candidates are mutated unranked.
        cost_model="xgb" if importlib.util.find_spec("xgboost") else "random",
    )


def _measured(database: Any, fused: tvm.IRModule, target: tvm.target.Target) -> list[int]:
    """How many measurements *database* has of each of *fused*'s operators."""
    from tvm.s_tir.meta_schedule.relax_integration import extract_tasks

    operators = [task.dispatched[0] for task in extract_tasks(fused, target)]
    known = [database.commit_workload(o) if database.has_workload(o) else None for o in operators]
    records = database.get_all_tuning_records()
    return [sum(w is not None and record.workload.same_as(w) for record in records) for w in known]


def _fused(module: tvm.IRModule, target: tvm.target.Target) -> tvm.IRModule:
    """Operators fused into TIR functions: the form tasks are extracted from, as `compile_relax` makes it."""
    passes = [
        *relax.pipeline.library_dispatch_passes(target),
        relax.transform.LegalizeOps(),
        relax.transform.AnnotateTIROpPattern(),
        relax.transform.FoldConstant(),
        relax.transform.FuseOps(),
        relax.transform.FuseTIR(),
    ]
    with target:
        return tvm.transform.Sequential(passes)(module)
