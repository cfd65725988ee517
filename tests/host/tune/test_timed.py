from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from device_runtime.errors import FatalError
from host.kernels.registry import FLOAT32
from host.kernels.shape import Tile
from host.lower.workload import Workload
from host.targets.profile import Target
from host.targets.read import load_target
from host.tune.timed import Address, LocalRunner, RpcRunner
from tests.workloads import NEON, conv_shape


@pytest.fixture(scope="module")
def native() -> Target:
    return load_target("native")


def native_microkernel(target: Target) -> str:
    return {"x86_64": "avx512" if "avx512f" in target.cpu_features else "avx2", "aarch64": "neon"}[
        target.arch
    ]


def test_times_every_tile(native: Target) -> None:
    workload = Workload(conv_shape(cin=32, cout=64), FLOAT32[native_microkernel(native)])
    times = LocalRunner(native).measure(workload, [Tile(4, 2), Tile(1, 1)], 0)
    assert len(times) == 2
    assert all(100 < t < 1e8 for t in times)


def test_a_foreign_target_is_refused() -> None:
    with pytest.raises(FatalError, match="this machine is"):
        LocalRunner(load_target("rpi2"))


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "the server died"
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the server does not listen")


def serve(*arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "TVM_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, 9)
    process.wait()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    port = free_port()
    server = serve("tvm.exec.rpc_server", "--host=127.0.0.1", f"--port={port}", f"--port-end={port + 1}")
    try:
        wait_for(port, server)
        yield port
    finally:
        stop(server)


def test_times_every_tile_on_the_server(native: Target, port: int) -> None:
    runner = RpcRunner(native, Address("127.0.0.1", port))
    workload = Workload(conv_shape(cin=32, cout=64), FLOAT32[native_microkernel(native)])
    times = runner.measure(workload, [Tile(4, 2), Tile(1, 1)], 0)
    assert all(100 < t < 1e8 for t in times)


def test_code_for_another_board_is_refused(rpi4: Target, port: int) -> None:
    runner = RpcRunner(rpi4, Address("127.0.0.1", port))
    with pytest.raises(FatalError, match="does not load"):
        runner.measure(Workload(conv_shape(), NEON), [Tile(4, 2)], 0)


def test_no_server_is_one_line(native: Target) -> None:
    with pytest.raises(FatalError, match="RPC server"):
        RpcRunner(native, Address("127.0.0.1", free_port()))


@pytest.mark.slow
def test_a_tracker_hands_out_boards(native: Target) -> None:
    pytest.importorskip("tornado", reason="the tracker needs tornado")
    tracker_port, port = free_port(), free_port()
    tracker = serve(
        "tvm.exec.rpc_tracker",
        "--host=127.0.0.1",
        f"--port={tracker_port}",
        f"--port-end={tracker_port + 1}",
    )
    server = None
    try:
        wait_for(tracker_port, tracker)
        server = serve(
            "tvm.exec.rpc_server", "--host=127.0.0.1", f"--port={port}", f"--port-end={port + 1}",
            f"--tracker=127.0.0.1:{tracker_port}", "--key=board",
        )  # fmt: skip
        runner = RpcRunner(native, Address("127.0.0.1", tracker_port, "board"), timeout=60)
        workload = Workload(conv_shape(), FLOAT32[native_microkernel(native)])
        assert 100 < runner.measure(workload, [Tile(4, 2)], 0)[0] < 1e8
    finally:
        stop(tracker)
        if server:
            stop(server)
