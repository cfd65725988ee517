from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from device_runtime.errors import FatalError
from host.cli import main
from host.compile.link import linker_for
from host.emulate.count import Counts, DataCache, count, emulator, plugin
from host.kernels.feature_map import FeatureMap
from host.kernels.registry import FLOAT32
from host.kernels.shape import ConvShape, Tile
from host.kernels.tile import candidates, default_tile
from host.lower.tuned import Record, Records, path_of, read, read_for, write
from host.lower.workload import Workload, workloads
from host.network.simplify import simplify
from host.targets.profile import Target
from host.targets.read import load_target
from host.tune.cycles import CORES, cycles
from host.tune.emulated import EmulatedRunner
from host.tune.search import Progress, search, unrolled
from host.tune.timed import Address, LocalRunner, RpcRunner
from host.tune.workload import cut, distinct, loads
from lprnet.network.checkpoint import load_checkpoint
from lprnet.weights import DEFAULT


def shape(cin: int = 16, cout: int = 32, height: int = 4, width: int = 10) -> ConvShape:
    source = FeatureMap(height, width + 2, cin, stored=cin, dtype="float32", pad=(1, 0))
    return ConvShape(
        kernel=(3, 3),
        source=source,
        target=FeatureMap(height, width, cout, stored=cout, dtype="float32", pad=(0, 1)),
        relu=True,
    )


def record(workload: str, tile: Tile = Tile(3, 2), metric: float = 1.0) -> Record:  # noqa: B008
    return Record(workload, tile, metric, 2.0, "ns", "local", "a CPU")


NEON = FLOAT32["neon"]


class TestRecords:
    def test_written_and_read_back(self, tmp_path) -> None:
        path = path_of("board", tmp_path / "tuned")
        records = Records("board").merge([record("b", Tile(4, 2, unroll=8, pixels_inner=False)), record("a")])
        write(path, records)
        assert read(path) == records
        assert [r.workload for r in records.records] == ["a", "b"]
        assert list(path.parent.iterdir()) == [path]

    def test_merge_replaces_the_same_workload_only(self) -> None:
        records = Records("board").merge([record("a"), record("b")]).merge([record("b", metric=0.5)])
        assert [(r.workload, r.metric) for r in records.records] == [("a", 1.0), ("b", 0.5)]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            '{"target": "board", "records": [], "schema_version": 3}',
            '{"target": "board", "records": [], "schema_version": 2, "more": 1}',
            '{"target": "board", "records": [{"workload": "a"}], "schema_version": 2}',
        ],
    )
    def test_bad_files_are_named(self, tmp_path, text) -> None:
        path = tmp_path / "board.json"
        path.write_text(text)
        with pytest.raises(FatalError, match=r"board\.json"):
            read(path)

    def test_native_uses_its_stand_in_where_it_was_not_tuned(self, tmp_path) -> None:
        native = replace(load_target("native"), isa="avx2")
        assert read_for(native, tmp_path) == Records("native")
        write(path_of("x86-64-v3", tmp_path), Records("x86-64-v3").merge([record("a"), record("b")]))
        write(path_of("native", tmp_path), Records("native").merge([record("b", metric=0.5)]))
        assert [(r.workload, r.metric) for r in read_for(native, tmp_path).records] == [("a", 1), ("b", 0.5)]

    def test_a_cpu_uses_records_of_its_kind_before_those_of_its_instructions(self, tmp_path) -> None:
        native = replace(load_target("zen4"), name="native")
        write(path_of("x86-64-vnni", tmp_path), Records("x86-64-vnni").merge([record("a"), record("b")]))
        write(path_of("zen4", tmp_path), Records("zen4").merge([record("b", metric=0.5)]))
        for cpu, b in (("znver4", 0.5), ("znver5", 0.5), ("sapphirerapids", 1)):
            target = replace(native, llvm=replace(native.llvm, mcpu=cpu))
            assert [(r.workload, r.metric) for r in read_for(target, tmp_path).records] == [
                ("a", 1),
                ("b", b),
            ]

    def test_boards_use_the_records_of_their_instructions(self, tmp_path) -> None:
        write(path_of("rpi5", tmp_path), Records("rpi5").merge([record("a")]))
        for name in ("rpi5", "rk3588", "orin-nano"):
            records = read_for(load_target(name), tmp_path)
            assert (records.target, [r.workload for r in records.records]) == (name, ["a"])
        assert not read_for(load_target("rpi4"), tmp_path).records
        assert not read_for(load_target("visionfive2"), tmp_path).records

    def test_boards_with_an_in_order_core_use_its_records_first(self, tmp_path) -> None:
        write(path_of("rpi4", tmp_path), Records("rpi4").merge([record("a"), record("b")]))
        write(path_of("rpi3", tmp_path), Records("rpi3").merge([record("b", metric=0.5)]))
        for name, b in (("rpi3", 0.5), ("rpi-zero2w", 0.5), ("imx8mp", 0.5), ("jetson-nano", 1)):
            records = read_for(load_target(name), tmp_path).records
            assert [(r.workload, r.metric) for r in records] == [("a", 1), ("b", b)]

    def test_keys_tell_shapes_apart(self) -> None:
        base = shape()
        others = [
            shape(cin=12),
            shape(cout=36),
            shape(width=11),
            replace(base, relu=False),
            replace(base, kernel=(1, 3)),
            replace(base, target=replace(base.target, pad=(1, 1))),
            replace(base, target=replace(base.target, dtype="uint8")),
            replace(base, target=replace(base.target, channels=31)),
            replace(base, source=replace(base.source, planar=True)),
            replace(base, fused=True),
        ]
        keys = {Workload(s, NEON).key for s in [base, *others]} | {Workload(base, FLOAT32["avx2"]).key}
        assert len(keys) == len(others) + 2
        assert Workload(shape(), NEON).key == Workload(base, NEON).key

    def test_committed_records_are_sound(self) -> None:
        folder = path_of("x").parent
        for path in folder.glob("*.json"):
            records = read(path)
            assert records.target == path.stem
            assert all(0 < r.metric <= r.default for r in records.records)


class Formula:
    """Stands for a machine whose best tile is known; deterministic."""

    name, cpu, unit = "local", "formula", "ns"

    def __init__(self, best: Tile) -> None:
        self.best, self.measured = best, list[Tile]()

    def measure(self, workload, tiles, rung) -> list[float]:
        self.measured += tiles
        b = self.best
        return [
            100 + abs(t.pixels - b.pixels) + 2 * abs(t.vectors - b.vectors)
            + (t.unroll != b.unroll) + (t.pixels_inner != b.pixels_inner)
            for t in tiles
        ]  # fmt: skip


class TestSearch:
    def test_finds_the_best_tile(self) -> None:
        workload, seen = Workload(shape(), NEON), list[Progress]()
        runner = Formula(Tile(4, 4, unroll=2, pixels_inner=False))
        found = search(workload, runner, trials=64, progress=seen.append)
        assert (found.tile, found.metric, found.unit, found.runner) == (runner.best, 100, "ns", "local")
        default = default_tile(workload.shape, workload.microkernel)
        assert found.default == runner.measure(workload, [default], 0)[0]
        assert seen[-1].best == runner.best
        assert [p.trials for p in seen] == sorted(p.trials for p in seen)

    def test_stops_at_its_deadline_with_what_it_has(self) -> None:
        workload, runner = Workload(shape(), NEON), Formula(Tile(4, 4, unroll=2))
        found = search(workload, runner, trials=400, deadline=time.monotonic())
        assert found.metric <= found.default
        assert len(set(runner.measured)) < 60

    @pytest.mark.parametrize("microkernel", FLOAT32.values(), ids=lambda f: f.name)
    def test_tiles_fit_the_registers(self, microkernel) -> None:
        workload = Workload(shape(cin=microkernel.block, cout=microkernel.block * 3), microkernel)
        tiles = candidates(workload.shape, workload.microkernel, 0)
        assert tiles
        assert len(set(tiles)) == len(tiles)
        assert all(t.pixels * t.vectors < microkernel.registers for t in tiles)
        variants = [variant for tile in tiles for variant in unrolled(workload, tile)]
        assert all(loads(workload, v) % v.unroll == 0 for v in variants)

    def test_equal_layers_are_tuned_once(self) -> None:
        layers = {"a": shape(), "b": shape(cin=12), "c": shape()}
        found = distinct({name: Workload(s, NEON) for name, s in layers.items()})
        assert list(found) == ["a", "b"]

    def test_cutting_keeps_rows_and_halos(self) -> None:
        fewer = cut(Workload(shape(height=9), NEON), 2)
        assert (fewer.shape.target.height, fewer.shape.source.height) == (2, 2)
        assert cut(Workload(shape(height=2), NEON), 5) == Workload(shape(height=2), NEON)


@pytest.fixture(scope="module")
def rpi4() -> Target:
    target = load_target("rpi4")
    try:
        emulator(target)
        linker_for(target)
    except FatalError as error:
        pytest.skip(str(error))
    return target


GUEST = r"""
#include <arm_neon.h>
#include <unistd.h>
#include <sys/syscall.h>
float32x4_t a[256], s;
int8x16_t b[64];
int16x8_t t;
int32x4_t u;
int main(void) {
    syscall(4000, 0, 0);
    for (int i = 0; i < 256; i++) s = vfmaq_laneq_f32(s, a[i], s, 1);
    syscall(4000, 1, 7);
    for (int i = 0; i < 64; i++) {
        t = vmull_s8(vget_low_s8(b[i]), vget_high_s8(b[i]));
        u = vpadalq_s16(u, t);
    }
    syscall(4000, 1, 8);
    return 0;
}
"""


@pytest.fixture(scope="module")
def guest(rpi4, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("guest")
    (folder / "guest.c").write_text(GUEST)
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    if compiler is None:
        pytest.skip("needs aarch64-linux-gnu-gcc")
    subprocess.run([compiler, "-O1", "-static", "guest.c", "-o", "guest"], cwd=folder, check=True)
    return folder / "guest"


class TestCount:
    def test_classes_are_counted_between_markers(self, guest, rpi4) -> None:
        (first, a), (second, b) = count([guest], rpi4)
        assert (first, second) == (7, 8)
        assert (a.instructions["fma"], a.instructions["multiply_long"]) == (256, 0)
        assert 256 <= a.load_registers < 600
        assert (b.instructions["fma"], b.instructions["multiply_long"]) == (0, 64)
        assert b.instructions["pairwise_add"] == 64
        assert a.l1_misses == 0

    def test_counts_repeat(self, guest, rpi4) -> None:
        assert count([guest], rpi4) == count([guest], rpi4)

    def test_a_stream_misses_once_a_line(self, guest, rpi4) -> None:
        (_, a), _ = count([guest], rpi4, data_cache=DataCache(32 << 10, 2))
        assert 64 <= a.l1_misses <= 70

    def test_failures_are_one_line(self, rpi4, tmp_path) -> None:
        with pytest.raises(FatalError, match="missing"):
            count([tmp_path / "missing"], rpi4)

    def test_a_target_without_an_emulator_is_refused(self) -> None:
        with pytest.raises(FatalError, match="not emulated"):
            emulator(load_target("x86-64-v3"))

    def test_plugin_is_built_once(self, rpi4) -> None:
        path = plugin(emulator(rpi4))
        assert path == plugin(emulator(rpi4))
        assert path.is_file()


class TestCycles:
    def counts(self, **classes: int) -> Counts:
        return Counts(dict.fromkeys(next(iter(CORES.values())).pipes[0], 0) | {
            "vector_loads": 0, "vector_stores": 0, "loads": 0, "stores": 0, "branches": 0, "integer": 0
        } | classes)  # fmt: skip

    def test_multiplies_bound_an_out_of_order_core(self) -> None:
        base = cycles(self.counts(fma=1000), CORES["cortex-a72"])
        a76 = cycles(self.counts(fma=1000), CORES["cortex-a76"])
        assert base - a76 == 500
        # Integers issue beside them, for their small price.
        assert cycles(self.counts(fma=1000, integer=100), CORES["cortex-a72"]) == pytest.approx(base + 20)

    def test_loads_do_not_overlap_in_order(self) -> None:
        without = cycles(self.counts(fma=1000), CORES["cortex-a53"])
        loads = replace(self.counts(fma=1000, vector_loads=100), load_registers=100)
        assert cycles(loads, CORES["cortex-a53"]) >= without + 200


class TestEmulated:
    def test_metric_is_the_same_whatever_part_is_counted(self, rpi4) -> None:
        runner, workload = EmulatedRunner(rpi4), Workload(shape(height=8), NEON)
        tiles = [Tile(4, 2), Tile(1, 1)]
        rough, exact = (runner.measure(workload, tiles, rung) for rung in (0, 2))
        assert runner.unit == "cycles"
        assert rough == pytest.approx(exact, rel=0.15)
        assert exact[0] < exact[1] / 1.2

    def test_every_multiply_is_counted(self, rpi4) -> None:
        workload = Workload(shape(), NEON)
        (counts,) = EmulatedRunner(rpi4).counts(workload, [Tile(5, 4)])
        assert counts.instructions["fma"] == 3 * 3 * 16 * 32 * 4 * 10 // 4

    @pytest.mark.parametrize("name, microkernel", [("rpi2", "neon32"), ("visionfive2", "scalar")])
    def test_other_architectures_count_instructions(self, name, microkernel) -> None:
        target = load_target(name)
        try:
            emulator(target)
            runner = EmulatedRunner(target)
        except FatalError as error:
            pytest.skip(str(error))
        workload = Workload(shape(height=2), FLOAT32[microkernel])
        small, large = runner.measure(workload, [Tile(1, 1), Tile(4, 2)], 2)
        assert runner.unit == "instructions"
        assert large < small


@pytest.fixture(scope="module")
def native() -> Target:
    return load_target("native")


def native_family(target: Target) -> str:
    return {"x86_64": "avx512" if "avx512f" in target.cpu_features else "avx2", "aarch64": "neon"}[
        target.arch
    ]


class TestLocal:
    def test_times_every_tile(self, native) -> None:
        workload = Workload(shape(cin=32, cout=64), FLOAT32[native_family(native)])
        times = LocalRunner(native).measure(workload, [Tile(4, 2), Tile(1, 1)], 0)
        assert len(times) == 2
        assert all(100 < t < 1e8 for t in times)

    def test_a_foreign_target_is_refused(self) -> None:
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


class TestRpc:
    def test_times_every_tile_on_the_server(self, native, port) -> None:
        runner = RpcRunner(native, Address("127.0.0.1", port))
        workload = Workload(shape(cin=32, cout=64), FLOAT32[native_family(native)])
        times = runner.measure(workload, [Tile(4, 2), Tile(1, 1)], 0)
        assert all(100 < t < 1e8 for t in times)

    def test_code_for_another_board_is_refused(self, rpi4, port) -> None:
        runner = RpcRunner(rpi4, Address("127.0.0.1", port))
        with pytest.raises(FatalError, match="does not load"):
            runner.measure(Workload(shape(), NEON), [Tile(4, 2)], 0)

    def test_no_server_is_one_line(self, native) -> None:
        with pytest.raises(FatalError, match="RPC server"):
            RpcRunner(native, Address("127.0.0.1", free_port()))

    def test_a_tracker_hands_out_boards(self, native) -> None:
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
            workload = Workload(shape(), FLOAT32[native_family(native)])
            assert 100 < runner.measure(workload, [Tile(4, 2)], 0)[0] < 1e8
        finally:
            stop(tracker)
            if server:
                stop(server)


class TestCommand:
    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["tune", *arguments])

    def test_an_interrupted_run_goes_on(self, rpi4, tmp_path) -> None:
        found = distinct(workloads(simplify(load_checkpoint(DEFAULT)), NEON))
        path = tmp_path / "rpi4.json"
        known = [
            Record(w.key, Tile(2, 2), 1.0, 2.0, "cycles", "emulated", "cortex-a72")
            for name, w in found.items()
            if name != "head"
        ]
        write(path, Records("rpi4").merge(known))
        options = ("--target=rpi4", "--precision=fp32", "--runner=emulated", f"--output={path}", "--trials=8")
        done = self.run(*options)
        assert done.exit_code == 0, done.output
        assert f"{len(found)} convolutions, 1 to tune" in done.stderr
        records = read(path)
        assert len(records.records) == len(found)
        assert all(records.of(r.workload) == r for r in known)
        head = records.of(found["head"].key)
        assert head is not None and head.unit == "cycles" and head.default >= head.metric > 1e4
        assert "0 to tune" in self.run(*options).stderr

    def test_no_time_leaves_everything_for_the_next_run(self, rpi4, tmp_path) -> None:
        path = tmp_path / "rpi4.json"
        done = self.run("--target=rpi4", "--precision=fp32", "--time=0", f"--output={path}")
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
    def test_bad_requests_are_one_line(self, tmp_path, options, message) -> None:
        done = self.run(*options, f"--output={tmp_path / 'records.json'}")
        assert done.exit_code == 2
        assert message in done.stderr.splitlines()[-1]

    def test_records_of_another_target_are_refused(self, tmp_path) -> None:
        path = tmp_path / "records.json"
        write(path, Records("rpi5"))
        done = self.run("--target=rpi4", f"--output={path}")
        assert done.exit_code == 2
        assert "rpi5" in done.stderr
