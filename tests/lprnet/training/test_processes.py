import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from device_runtime.errors import FatalError
from lprnet.data.mixture import Mixture
from lprnet.training.loop import train
from lprnet.training.processes import ALONE, Group, joined, placed
from lprnet.training.settings import Budget, Settings
from lprnet.training.state import STATE, begin, descend
from tests.checkpoints import NARROW, random_checkpoint
from tests.lprnet.helpers import run_of

SAMPLES, BATCH = 24, 8


def together(work: Callable[[Group, Path], object], folder: Path) -> list[dict[str, torch.Tensor]]:
    """What *work* gives in each of two processes, started as `torchrun` does; *folder* is for their files."""

    def each(rank: int) -> None:
        os.environ.update(WORLD_SIZE="2", RANK=str(rank), LOCAL_RANK=str(rank))
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(20000 + os.getppid() % 20000))
        torch.set_num_threads(1)
        with joined("cpu") as group:
            torch.save(work(group, folder), folder / f"{group.rank}.pt")

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=each, args=(rank,)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def a_step(inputs: torch.Tensor, group: Group) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    state = begin(nn.Linear(3, 1), 0.1, 0.0)
    loss = state.model(inputs).square().mean()
    descend(state, loss, clip=5.0, samples=len(inputs), ema=0.9, group=group)
    return {**state.model.state_dict(), "samples": torch.tensor(state.samples)}


def test_a_step_of_two_processes_is_the_step_of_one(tmp_path: Path) -> None:
    inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    alone = a_step(inputs, ALONE)
    both = together(lambda group, _: a_step(inputs[group.rank :: 2], group), tmp_path)
    for each in both:
        assert each["samples"] == 8
        assert all(torch.allclose(each[name], alone[name], atol=1e-6) for name in alone)


def a_run(group: Group, folder: Path, samples: int = SAMPLES) -> dict[str, torch.Tensor]:
    run = run_of(
        folder / "run",
        Budget(samples=samples),
        mixture=Mixture(5),
        settings=Settings(batch=BATCH, workers=0, warmup=4),
        initial=random_checkpoint(widths=NARROW).state,
        group=group,
    )
    return train(run).state


def test_two_processes_train_one_network_and_one_of_them_writes(tmp_path: Path) -> None:
    first, second = together(a_run, tmp_path)
    assert all(torch.equal(first[name], second[name]) for name in first)
    state = torch.load(tmp_path / "run" / STATE, weights_only=True)
    assert (state["samples"], state["step"]) == (SAMPLES, SAMPLES // BATCH)


def test_together_the_processes_draw_what_one_draws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn: list[int] = []
    original = Mixture.sample

    def counted(self: Mixture, index: int) -> object:
        drawn.append(index)
        return original(self, index)

    def run(group: Group, folder: Path) -> dict[str, torch.Tensor]:
        drawn.clear()
        a_run(group, folder)
        return {"drawn": torch.tensor(drawn)}

    monkeypatch.setattr(Mixture, "sample", counted)
    drawn_by = [set(each["drawn"].tolist()) for each in together(run, tmp_path)]
    assert not drawn_by[0] & drawn_by[1]
    assert drawn_by[0] | drawn_by[1] >= set(range(SAMPLES))


def test_batch_that_cannot_be_shared() -> None:
    assert Group(0, 4).part(12) == 3
    with pytest.raises(FatalError, match="multiple of 4"):
        Group(0, 4).part(10)


@pytest.mark.parametrize("device", ["cuda:99", "rubbish"])
def test_device_that_is_not_there(device: str) -> None:
    with pytest.raises(FatalError, match="--device"):
        placed(device)


def test_one_process_is_alone() -> None:
    with joined("cpu") as group:
        assert group == ALONE
        assert group.agreed(0.25, 1.0) == (0.25, 1.0)
