"""Runners that measure time: on this machine, and on a board through TVM's RPC server."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import tvm
from tvm import rpc, tirx

from device_runtime.errors import FatalError
from host.compile.executable import compile_functions
from host.compile.link import linker_for
from host.kernels.emit import tensors
from host.kernels.shape import Tile
from host.lower.tuned import Unit
from host.lower.workload import Workload
from host.network.int8_sums import MAGIC_BITS
from host.targets.native import Machine, obstacle
from host.targets.profile import Target
from host.tune.workload import kernel

ROUNDS = (2, 4, 12)
"""How often every candidate has its turn, by rung of the search."""
SLICE_SECONDS = 2e-3
"""A turn's length: short, so that what else the machine does hits candidates alike."""
NEVER = 1e9
"""Seconds no kernel takes. A server without the timer in libtvm_runtime_extra.so reports 1e10."""


class _Timed:
    """Times compiled candidates in turns: the fastest turn of each, a turn being the median of three."""

    name = ""
    unit: Unit = "ns"
    cpu = ""

    def measure(self, workload: Workload, tiles: Sequence[Tile], rung: int) -> list[float]:
        """Nanoseconds per call of every tile.

        Raises:
            FatalError: the board fails.
        """
        return self.times([kernel(workload, f"k{i}", tile) for i, tile in enumerate(tiles)], ROUNDS[rung])

    def times(self, kernels: Sequence[tirx.PrimFunc], rounds: int) -> list[float]:
        """Nanoseconds per call of every kernel, on random tensors.

        Raises:
            FatalError: the board fails.
        """
        module = self._load(kernels)
        functions = [_evaluator(module, k.attrs["global_symbol"], self._device()) for k in kernels]
        arguments = self._arguments(kernels)
        calls = [self._evaluate(f, a, number=1, repeat=2) for f, a in zip(functions, arguments, strict=True)]
        best = [float("inf")] * len(kernels)
        for _ in range(rounds):
            for i, (function, values) in enumerate(zip(functions, arguments, strict=True)):
                number = max(1, int(SLICE_SECONDS / 3 / calls[i]))
                best[i] = min(best[i], self._evaluate(function, values, number, repeat=3))
        return [seconds * 1e9 for seconds in best]

    def _load(self, kernels: Sequence[tirx.PrimFunc]) -> Any:
        """The compiled kernels, where they are measured."""
        raise NotImplementedError

    def _device(self) -> Any:
        raise NotImplementedError

    def _evaluate(self, function: Any, arguments: list[Any], number: int, repeat: int) -> float:
        try:
            seconds = median(function(number, repeat)(*arguments).results)
        except Exception as error:
            raise FatalError(
                f"measuring on {self.cpu}", last_line(error), "see the RPC server's log"
            ) from error
        if seconds > NEVER:
            raise FatalError(
                f"measuring on {self.cpu}",
                "every measurement fails",
                "start the RPC server with --load-library libtvm_runtime_extra.so",
            )
        return seconds

    def _arguments(self, kernels: Sequence[tirx.PrimFunc]) -> list[list[Any]]:
        """Per kernel, the tensors it is called with; tensors of equal shape are shared."""
        rng = np.random.default_rng(0)
        pool: dict[tuple[int, tuple[int, ...], str], Any] = {}

        def tensor(position: int, shape: tuple[int, ...], dtype: str) -> Any:
            key = (position, shape, dtype)
            if key not in pool:
                if "float" in dtype:
                    values = rng.random(shape, np.float32).astype(dtype)
                else:
                    # Biases at `MAGIC_BITS`: kernels that read such sums as float32 would meet subnormals.
                    start = MAGIC_BITS if dtype == "int32" else 0
                    values = (start + rng.integers(0, 100, shape)).astype(dtype)
                pool[key] = tvm.runtime.tensor(values, self._device())
            return pool[key]

        return [[tensor(i, *spec) for i, spec in enumerate(tensors(kernel))] for kernel in kernels]


class LocalRunner(_Timed):
    """Times candidates in this process, on one thread."""

    name = "local"

    def __init__(self, target: Target) -> None:
        """Configure TVM's runtime for one thread.

        Raises:
            FatalError: this machine cannot run code for *target*.
        """
        if reason := obstacle(target):
            raise FatalError(
                f"target {target.name}", f"this machine {reason}", "use --runner rpc or --runner emulated"
            )
        self._target = tvm.target.Target(target.tvm_target())
        self.cpu = Machine.here().model or target.llvm.mcpu
        # Where it is not set TVM counts the CPUs at every parallel call: 6 µs.
        os.environ.setdefault("TVM_NUM_THREADS", "1")
        tvm.get_global_func("runtime.config_threadpool")(1, 1)

    def _load(self, kernels: Sequence[tirx.PrimFunc]) -> Any:
        return compile_functions(kernels, self._target).jit()

    def _device(self) -> Any:
        return tvm.cpu()


@dataclass(frozen=True)
class Address:
    """An RPC server, or a tracker if `key` names the kind of board to ask it for."""

    host: str
    port: int
    key: str | None = None


class RpcRunner(_Timed):
    """Times candidates on a board: cross-compiled, linked here, sent, and run there on one thread."""

    name = "rpc"

    def __init__(self, target: Target, address: Address, timeout: int = 600) -> None:
        """Connect, waiting at most *timeout* seconds for a board of the tracker.

        Raises:
            FatalError: there is no server, or it is for another architecture.
        """
        self._target = target
        self._tvm_target = tvm.target.Target(target.tvm_target())
        self._linker = linker_for(target)
        self._batch = 0
        self.cpu = target.llvm.mcpu
        try:
            if address.key is None:
                self._session = rpc.connect(address.host, address.port, session_timeout=timeout)
            else:
                tracker = rpc.connect_tracker(address.host, address.port)
                self._session = tracker.request(address.key, session_timeout=timeout)
            self._session.get_function("runtime.config_threadpool")(1, 1)
        except Exception as error:
            raise FatalError(
                f"RPC server {address.host}:{address.port}",
                last_line(error),
                "start `python3 -m tvm.exec.rpc_server --load-library libtvm_runtime_extra.so` on the board",
            ) from error

    def _load(self, kernels: Sequence[tirx.PrimFunc]) -> Any:
        self._batch += 1
        name = f"candidates{self._batch}.so"
        with tempfile.TemporaryDirectory(prefix="tune-") as folder:
            library = Path(folder) / name
            executable = compile_functions(kernels, self._tvm_target)
            executable.export_library(str(library), fcompile=self._linker.fcompile)
            try:
                self._session.upload(str(library))
                module = self._session.load_module(name)
                self._session.remove(name)
            except Exception as error:
                raise FatalError(
                    f"target {self._target.name}",
                    f"the board does not load its code: {last_line(error)}",
                    "start the RPC server on such a board",
                ) from error
        return module

    def _device(self) -> Any:
        return self._session.cpu(0)


def last_line(error: Exception) -> str:
    """The part of TVM's many lines that says what is wrong."""
    return next((s.strip() for s in reversed(str(error).splitlines()) if s.strip()), type(error).__name__)


def _evaluator(module: Any, name: str, device: Any) -> Callable[[int, int], Any]:
    return lambda number, repeat: module.time_evaluator(name, device, number=number, repeat=repeat)
