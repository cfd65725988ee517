"""Which runner measures: this machine, a board over RPC, or the emulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from device_runtime.errors import FatalError
from host.kernels.shape import Tile
from host.lower.workload import Workload
from host.targets.native import runs_here
from host.targets.profile import Target
from host.tune.emulated import EmulatedRunner
from host.tune.search import Runner
from host.tune.timed import Address, LocalRunner, RpcRunner
from host.tune.workload import at_size


class AtSize:
    """A runner that measures workloads of any size at one, so that every tile fits all sizes.

    Args:
        runner: measures.
        cells: see `host.tune.workload.at_size`.
    """

    def __init__(self, runner: Runner, cells: Mapping[str, int]) -> None:
        self._runner, self._cells = runner, cells
        self.name, self.cpu, self.unit = runner.name, runner.cpu, runner.unit

    def measure(self, workload: Workload, tiles: Sequence[Tile], rung: int) -> list[float]:
        """Metric of every tile at that size."""
        return self._runner.measure(at_size(workload, self._cells), tiles, rung)


def default_runner(target: Target) -> str:
    """`local` if this machine has all that *target* asks for, else `emulated`."""
    return "local" if runs_here(target) else "emulated"


def make_runner(target: Target, name: str, server: str | None, key: str | None) -> Runner:
    """The runner called *name*: `local`, `rpc` or `emulated`.

    Args:
        server: address of the RPC server, or of a tracker that knows boards as *key*: `HOST:PORT`.

    Raises:
        FatalError: it cannot measure for *target*, or *server* is missing or not an address.
    """
    if name == "emulated":
        return EmulatedRunner(target)
    if name == "local":
        return LocalRunner(target)
    host, _, port = (server or "").rpartition(":")
    if not host or not port.isdigit():
        raise FatalError(
            "--rpc", f"{server!r} is no address", "give HOST:PORT, usually port 9090, tracker 9190"
        )
    return RpcRunner(target, Address(host, int(port), key))
