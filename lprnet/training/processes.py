"""Several processes that train one network together, as `torchrun` starts them.

Each has a part of every batch and a copy of the network. Gradients, and the statistics of BatchNorm, are
averaged over the processes in every step, so that all copies stay the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from device_runtime.errors import FatalError


@dataclass(frozen=True)
class Group:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: number of this process; process 0 writes the files.
        size: how many there are.
        device: of PyTorch, where this process computes.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def first(self) -> bool:
        """Whether this process writes the run's files."""
        return self.rank == 0

    def part(self, batch: int) -> int:
        """Samples of a step of *batch* that are this process's.

        Raises:
            FatalError: the processes cannot share *batch* evenly.
        """
        if batch % self.size:
            todo = f"give a multiple of {self.size}"
            raise FatalError(f"--batch {batch}", f"cannot be shared by {self.size} processes", todo)
        return batch // self.size

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each of *tensors*, float32 on `device`, by its mean over the processes."""
        if self.size == 1:
            return
        flat = torch.cat([t.detach().reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.detach().copy_(mean.view_as(tensor))

    def agreed(self, *numbers: float) -> tuple[float, ...]:
        """What process 0 passes for *numbers*: clocks and signals differ, and all must do the same."""
        if self.size == 1:
            return numbers
        shared = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return tuple(shared.tolist())

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            dist.barrier()


ALONE = Group()
"""One process, on the CPU."""


@contextmanager
def joined(device: str) -> Iterator[Group]:
    """The processes that `torchrun` started; this one alone where it did not.

    Args:
        device: of PyTorch. With "cuda" every process of a machine takes a GPU of its own, and they talk by
            NCCL; on CPUs by Gloo.

    Raises:
        FatalError: there is no such device, or fewer GPUs than processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    own = placed(device, int(os.environ.get("LOCAL_RANK", "0")) if size > 1 else None)
    if size == 1:
        yield Group(device=own)
        return
    on_gpu = own.startswith("cuda")
    if on_gpu:
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Group(dist.get_rank(), dist.get_world_size(), own)
    finally:
        dist.destroy_process_group()


def placed(device: str, local: int | None = None) -> str:
    """*device*, with a number where there are several GPUs and *local* says which is this process's.

    Raises:
        FatalError: PyTorch does not know such a device, or this machine has no such GPU.
    """
    todo = "give cpu, or cuda on a machine that has a GPU"
    try:
        kind = torch.device(device)
    except RuntimeError:
        raise FatalError(f"--device {device}", "no device of PyTorch", todo) from None
    if kind.type != "cuda":
        return device
    number = local if kind.index is None and local is not None else kind.index or 0
    if not torch.cuda.is_available() or number >= torch.cuda.device_count():
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        raise FatalError(f"--device {device}", f"this machine has {found} GPUs that PyTorch can use", todo)
    return f"cuda:{number}"
