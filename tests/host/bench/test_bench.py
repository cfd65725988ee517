from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from device_runtime.bundle.manifest import read_manifest
from device_runtime.errors import FatalError
from device_runtime.sources.files import image_files
from host.bench import isa, models, protocol, schema, table
from host.bench.client import Worker, WorkerError
from host.bench.data import accuracy, load_images
from host.bench.measure import Pace, pick_cpus
from host.bench.models import Place, Variant
from host.bench.peer_model import peer_model
from host.bench.ranges import PERCENTILE, conv_ranges
from host.bench.run import Request, run
from host.bench.runtimes import OURS, RUNTIMES, Runtime
from host.bench.stats import Spread, paired_ratio, spread
from host.build import Request as BuildRequest
from host.build import build
from host.bundle.folder import write_manifest
from host.commands.bench import bench_command
from host.targets.read import load_target
from lprnet.network.alphabet import PUBLIC
from lprnet.network.checkpoint import load_checkpoint, save_checkpoint
from lprnet.network.model import ChannelStridePool
from tests.checkpoints import random_checkpoint

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "lprnet/samples"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    random = random_checkpoint()
    save_checkpoint(path, random.state, random.alphabet)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for path in image_files([SAMPLES])[:3]:
        shutil.copy(path, folder)
    return folder


def request(weights: Path, images: Path, cache: Path, **changes: object) -> Request:
    values: dict[str, object] = {
        "peers": (),
        "precisions": ("fp32",),
        "threads": (1,),
        "weights": weights,
        "bundles": (),
        "target": "native",
        "isa": "native",
        "data": (images,),
        "calibration": images,
        "pace": Pace(rounds=3, inferences=2, warmup=1, settle_s=0),
        "python": Path(sys.executable),
        "cache": cache,
    }
    return Request(**{**values, **changes})  # type: ignore[arg-type]


def quiet(line: str) -> None:
    pass


def test_ratio_is_taken_round_by_round() -> None:
    # The machine gets ten times slower after the first round; the ratio stays.
    reference = [[2.0, 2.0, 9.0], [20.0, 20.0, 21.0], [20.0, 22.0, 20.0]]
    ratio = paired_ratio([[1.0, 1.0, 1.0], [10.0, 10.0, 10.0], [10.0, 10.0, 50.0]], reference)
    assert (ratio.p25, ratio.p50, ratio.p75) == (0.5, 0.5, 0.5)


def test_spread_is_of_quartiles() -> None:
    assert spread([4.0, 1.0, 2.0, 3.0, 5.0]) == Spread(2.0, 3.0, 4.0)


def test_cpus_are_on_different_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        topology = tmp_path / f"cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(siblings)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2, 3})
    assert pick_cpus(1, tmp_path) == (1,)
    assert pick_cpus(2, tmp_path) == (0, 1)
    with pytest.raises(FatalError, match="has 2 cores"):
        pick_cpus(3, tmp_path)


def test_accuracy_counts_whole_plates() -> None:
    logits = np.zeros((2, len(PUBLIC), 18), np.float32)
    logits[:, PUBLIC.blank] = 1
    for step, character in enumerate("京A1"):
        logits[:, PUBLIC.encode(character)[0], 2 * step] = 2
    assert accuracy(logits, ("京A1", "京A2"), PUBLIC) == 0.5


def test_a_limit_keeps_both_ends_of_a_folder() -> None:
    found = load_images([SAMPLES], 4)
    assert found.sources == (schema.Data("samples", 4),)
    names = [path.stem for path in image_files([SAMPLES])]
    assert (found.labels[0], found.labels[-1]) == (names[0], names[-1])


def test_worker_that_cannot_start_says_why() -> None:
    with Worker(Path("/bin/false"), pick_cpus(1)) as worker, pytest.raises(WorkerError, match="status 1"):
        worker.ask(protocol.Versions(("numpy",)), 10)


def test_worker_that_is_killed_says_how() -> None:
    with Worker(Path(sys.executable), pick_cpus(1)) as worker:
        worker.ask(protocol.Versions(("numpy",)), 60)
        worker._process.send_signal(signal.SIGSEGV)
        with pytest.raises(WorkerError, match="SIGSEGV"):
            worker.ask(protocol.Versions(("numpy",)), 10)


def test_worker_answers_failures_and_goes_on(tmp_path: Path) -> None:
    with Worker(Path(sys.executable), pick_cpus(1)) as worker:
        with pytest.raises(WorkerError, match="no model is loaded"):
            worker.ask(protocol.Time("inputs.npy", 1, 0), 60)
        with pytest.raises(WorkerError, match=r"manifest\.json"):
            worker.ask(protocol.Load(RUNTIMES[OURS].module, "fp32", str(tmp_path), 1), 60)
        reply = worker.ask(protocol.Versions(("numpy", "no-such-distribution")), 60)
        assert reply == protocol.Installed({"numpy": np.__version__})


def test_worker_that_takes_too_long_is_dropped(tmp_path: Path) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    with Worker(silent, pick_cpus(1)) as worker:
        with pytest.raises(WorkerError, match="no answer within"):
            worker.ask(protocol.Versions(()), 0.2)
        assert worker._process.wait(10) == -signal.SIGKILL


@pytest.fixture(scope="module")
def bundle(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "native"
    return build(
        BuildRequest(target=load_target("native"), output=folder, checkpoint=weights, precision="fp32")
    )


@pytest.fixture(scope="module")
def result(
    weights: Path, images: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> schema.Bench:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RUNTIMES, "absent", Runtime("absent", {"fp32": ("no-such-distribution",)}))
        patch.setitem(RUNTIMES, "broken", Runtime("host.no_such_module", {"fp32": ("numpy",)}))
        peers = ("onnxruntime", "torch", "absent", "broken")
        return run(request(weights, images, folder, peers=peers, bundles=(bundle,)), quiet)


def test_every_runtime_is_a_row(result: schema.Bench) -> None:
    rows = {row.runtime: row for row in result.rows}
    assert set(rows) == {OURS, "onnxruntime", "torch", "absent", "broken"}
    for name in (OURS, "onnxruntime", "torch"):
        row = rows[name]
        assert row.error is None and row.threads == 1 and row.precision == "fp32"
        assert row.p25_ms is not None and row.p50_ms is not None and row.p75_ms is not None
        assert 0 < row.p25_ms <= row.p50_ms <= row.p75_ms
        assert row.bytes is not None and row.bytes > 1_500_000
        assert row.accuracy == rows["torch"].accuracy
    assert rows["onnxruntime"].ratio == 1
    assert rows[OURS].ratio is not None and rows[OURS].ratio > 0


def test_what_cannot_run_is_a_row_with_the_reason(result: schema.Bench) -> None:
    rows = {row.runtime: row for row in result.rows}
    assert rows["absent"].p50_ms is None
    assert rows["absent"].error == "not installed: no-such-distribution (pip install '.[peers-all]')"
    assert "ModuleNotFoundError" in (rows["broken"].error or "")


def test_bench_json_has_what_it_promises(result: schema.Bench, tmp_path: Path) -> None:
    path = schema.write(tmp_path, result)
    assert schema.read(path) == result
    data = json.loads(path.read_text())
    assert data["machine"]["arch"] and data["versions"]["onnxruntime"]
    keys = {"runtime", "precision", "threads", "p50_ms", "ratio", "accuracy", "bytes"}
    assert all(keys <= row.keys() for row in data["rows"])
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "change", [b"{", b"[]", b'{"schema_version": 1}'], ids=["truncated", "list", "incomplete"]
)
def test_other_files_are_no_benchmarks(change: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_bytes(change)
    with pytest.raises(FatalError, match="is not a benchmark"):
        schema.read(path)


def test_newer_benchmarks_are_refused(result: schema.Bench, tmp_path: Path) -> None:
    path = schema.write(tmp_path, msgspec.structs.replace(result, schema_version=2))
    with pytest.raises(FatalError, match="schema version 2"):
        schema.read(path)


def test_table_and_plot_show_every_row(result: schema.Bench) -> None:
    text, plot = table.markdown(result), table.svg(result)
    shown = "".join(ElementTree.fromstring(plot).itertext())
    for row in result.rows:
        assert row.runtime in text
        assert (row.runtime in shown) == (row.p50_ms is not None)
        assert row.error is None or row.error in text


def test_second_run_converts_nothing(weights: Path, tmp_path: Path) -> None:
    calibration = tmp_path / "calibration.npy"
    np.save(calibration, np.zeros((1, 3, 24, 94), np.float32))
    source = models.Source(weights, calibration, "native", "native")
    place = Place(Path(sys.executable), "native", None)
    variant = Variant("torch", "fp32")
    versions = models.installed(place.python)
    first = models.prepare(variant, source, place, versions, tmp_path)
    written = (first.folder / "model.pt").stat().st_mtime_ns
    again = models.prepare(variant, source, place, versions, tmp_path)
    assert again == first and (again.folder / "model.pt").stat().st_mtime_ns == written
    np.save(calibration, np.ones((1, 3, 24, 94), np.float32))
    assert models.prepare(variant, source, place, versions, tmp_path).folder != first.folder


def test_failed_conversion_leaves_nothing(weights: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    source = models.Source(weights, weights, "native", "no-such-board")
    place = Place(Path(sys.executable), "native", None)
    with pytest.raises(WorkerError, match="no-such-board"):
        models.prepare(Variant(OURS, "fp32"), source, place, {}, cache)
    assert not list(cache.iterdir())


def test_own_worker_has_no_compiler(bundle: Path) -> None:
    with Worker(Path(sys.executable), pick_cpus(1)) as worker:
        worker.ask(protocol.Load(RUNTIMES[OURS].module, "fp32", str(bundle), 1), 60)
        mapped = Path(f"/proc/{worker._process.pid}/maps").read_text()
    assert str(bundle / "model.so") in mapped
    assert "libtvm_compiler" not in mapped and "libtorch" not in mapped


def test_bundle_beyond_the_limit_is_left_out(bundle: Path, weights: Path, tmp_path: Path) -> None:
    manifest = read_manifest(bundle)
    needs = (*manifest.target.cpu_features, "avx512_vnni")
    target = msgspec.structs.replace(manifest.target, cpu_features=needs)
    copy = shutil.copytree(bundle, tmp_path / "vnni")
    write_manifest(copy, msgspec.structs.replace(manifest, target=target))
    place = Place(Path(sys.executable), "avx2", None)
    source = models.Source(weights, weights, "avx2", "native")
    with pytest.raises(WorkerError, match=r"avx512.*--target x86-64-v3"):
        models.prepare(Variant(OURS, "fp32", copy), source, place, {}, tmp_path)


def test_runtime_without_a_switch_needs_cpuid_faulting() -> None:
    onnxruntime, openvino = RUNTIMES["onnxruntime"], RUNTIMES["openvino"]
    assert isa.environment(onnxruntime, "avx2", masked=False) is None
    assert isa.environment(onnxruntime, "avx2", masked=True) == {}
    assert isa.environment(openvino, "avx2", masked=False) == {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    with pytest.raises(WorkerError, match="has no switch"):
        Place(Path(sys.executable), "avx2", None).worker("onnxruntime", pick_cpus(1))


FEATURES = """
import ctypes, sys
print(ctypes.CDLL(sys.argv[1]).mask_cpuid())
from numpy._core._multiarray_umath import __cpu_features__ as features
print(sorted(name for name, has in features.items() if has))
"""


def test_mask_hides_what_is_newer_than_avx2(tmp_path: Path) -> None:
    library = isa.mask_library(tmp_path)
    if library is None:
        pytest.skip("this CPU or kernel has no CPUID faulting")
    command = [sys.executable, "-c", FEATURES, str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    status, features = done.stdout.splitlines()
    assert status == "0" and "'AVX2'" in features and "'FMA3'" in features and "AVX512" not in features


def test_masked_process_still_crashes_on_a_bad_pointer(tmp_path: Path) -> None:
    library = isa.mask_library(tmp_path)
    if library is None:
        pytest.skip("this CPU or kernel has no CPUID faulting")
    crash = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).mask_cpuid(); ctypes.string_at(1)"
    done = subprocess.run([sys.executable, "-c", crash, str(library)], check=False, timeout=30)
    assert done.returncode == -signal.SIGSEGV


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--peers", "tensorrt"], "--peers: tensorrt is unknown"),
        (["--precisions", "int4"], "--precisions: int4 is unknown"),
        (["--peers", ""], "--peers: names nothing"),
        (["--threads", "one"], "--threads: one is not a list of counts"),
        (["--threads", "0"], "--threads: 0 is not a list of counts"),
        (["--threads", "4096"], "--threads 4096: this process has"),
        (["--weights", "missing.pth"], "missing.pth: no such file"),
        (["--python", "/bin/false"], "/bin/false: cannot run workers"),
        (["--python", "/no/python"], "/no/python: cannot run workers"),
        (["--bundle", "no-bundle"], "no-bundle"),
    ],
)
def test_bad_options_are_one_line(arguments: list[str], message: str, weights: Path, tmp_path: Path) -> None:
    if "--weights" not in arguments:
        arguments = ["--weights", str(weights), *arguments]
    done = CliRunner().invoke(bench_command, [*arguments, "--output", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr.strip().splitlines()[-1].startswith("error: ") and message in done.stderr
    assert not list(tmp_path.iterdir())


def bench_python() -> Path:
    """What `make bench` installs, where somebody has run it."""
    own = ROOT / ".venv-bench/bin/python"
    return own if own.exists() else Path(sys.executable)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "ncnn", "litert", "torch"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_peer_computes_the_network(
    name: str, precision: str, weights: Path, images: Path, tmp_path: Path
) -> None:
    spec = RUNTIMES[name]
    if precision not in spec.precisions:
        pytest.skip(f"{name} has no {precision}")
    python = bench_python()
    versions = models.installed(python)
    if missing := [d for d in spec.distributions[precision] if d not in versions]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    found = load_images([images])
    inputs = found.save(tmp_path)
    place = Place(python, "native", None)
    source = models.Source(weights, inputs, "native", "native")
    model = models.prepare(Variant(name, precision), source, place, versions, tmp_path / "cache")
    with place.worker(name, pick_cpus(1)) as worker:
        worker.ask(protocol.Load(spec.module, precision, str(model.folder), 1), 120)
        worker.ask(protocol.Evaluate(str(inputs), str(tmp_path / "logits.npy")), 120)
    with torch.inference_mode():
        expected = load_checkpoint(weights).model()(torch.from_numpy(found.tensors)).numpy()
    logits = np.load(tmp_path / "logits.npy")
    assert logits.shape == expected.shape
    error = np.abs(logits - expected).max() / np.abs(expected).max()
    assert error < {"fp32": 1e-4, "int8": 0.1}[precision]
    limit = {"fp32": 2_000_000, "int8": 750_000}[precision]
    assert model.bytes < limit


def test_peer_model_has_no_strided_channel_slice(weights: Path) -> None:
    model, image = peer_model(weights), torch.rand(2, 3, 24, 94) * 2 - 1
    kept = [layer.kept for layer in model.modules() if isinstance(layer, ChannelStridePool)]
    assert kept == [64]  # the first pool, which keeps all
    with torch.inference_mode():
        expected = load_checkpoint(weights).model()(image)
        torch.testing.assert_close(model(image), expected, rtol=1e-4, atol=1e-4)


def test_ranges_are_percentiles(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    images = np.random.default_rng(0).standard_normal((5, 3, 24, 94)).astype(np.float32)
    np.save(path, images)
    before, after = conv_ranges(weights, path)
    assert len(before) == len(after) == 16
    exact = np.percentile(np.abs(images), PERCENTILE, method="higher")
    assert before[0] == pytest.approx(exact, rel=0.01)
    # What one of two convolutions in a row gives, the other takes.
    assert before[2] == after[1]
