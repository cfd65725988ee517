from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from device_runtime.board.cpu import detect
from device_runtime.bundle.manifest import read_manifest
from device_runtime.errors import FatalError
from device_runtime.read.engine import Engine
from host.build import Request, build
from host.bundle.folder import replacing
from host.cli import main
from host.quantize import Options
from host.targets.read import load_target
from tests.checkpoints import written

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("weights") / "random.safetensors")


@pytest.fixture(scope="module")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    request = Request(
        target=load_target("native"),
        output=tmp_path_factory.mktemp("build") / "native",
        checkpoint=checkpoint,
    )
    return build(request)


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.is_file()}


def test_bundle_is_whole(bundle: Path, checkpoint: Path) -> None:
    manifest = read_manifest(bundle)
    assert {"model.so", "model.tar", "install.sh", "README.md", "requirements.txt", "golden.bin"} < {
        *manifest.files
    }
    assert {p.name for p in bundle.iterdir()} == {*manifest.files, "manifest.json"}
    assert sum(name.endswith(".whl") for name in manifest.files) == 1
    assert manifest.checkpoint.sha256 == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert manifest.output.shape == (1, 73, 18)
    assert (manifest.schedule.kind, manifest.schedule.convolutions) == ("tuned", 16)
    assert f"glibc {manifest.target.glibc} or newer" in (bundle / "README.md").read_text()


def test_same_inputs_give_the_same_bytes(bundle: Path, checkpoint: Path, tmp_path: Path) -> None:
    again = build(Request(target=load_target("native"), output=tmp_path / "other", checkpoint=checkpoint))
    assert digests(again) == digests(bundle)


def test_int8_bundle_is_small_and_checks_out(bundle: Path, checkpoint: Path, tmp_path: Path) -> None:
    """`Engine.open` compares the module's logits with those of the integer reference."""
    request = Request(
        target=load_target("native"), output=tmp_path / "int8", checkpoint=checkpoint, precision="int8"
    )
    integer = build(request)
    assert Engine.open(integer).manifest.precision == "int8"
    sizes = [read_manifest(b).files["model.so"].bytes for b in (integer, bundle)]
    assert sizes[0] < 0.35 * sizes[1]
    other = replace(request, output=tmp_path / "min-max", quantization=Options("min-max"))
    files = [read_manifest(b).files["model.so"].sha256 for b in (integer, build(other))]
    assert files[0] != files[1]


def test_bfloat16_bundle_checks_out(checkpoint: Path, tmp_path: Path) -> None:
    """`Engine.open` compares the module's logits with those of a reference that rounds maps as it does."""
    if "avx512_bf16" not in detect().features:
        pytest.skip("this CPU has no avx512_bf16")
    request = Request(
        target=load_target("native"), output=tmp_path / "bf16", checkpoint=checkpoint, precision="bf16"
    )
    manifest = Engine.open(build(request)).manifest
    assert manifest.precision == "bf16"
    assert "avx512_bf16" in manifest.target.cpu_features


def run_on_board(bundle: Path, tmp_path: Path) -> str:
    """Output of `lpr-run` in a process of its own, where importing tvm or torch would fail."""
    for name in ("tvm", "tvm_ffi", "torch", "lprnet", "host"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('not on a board')\n")
    (tmp_path / "device_runtime").symlink_to(ROOT / "device_runtime")
    code = "from device_runtime.cli import main; main()"
    arguments = ["--bundle", str(bundle), "--images", str(ROOT / "lprnet" / "samples"), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def plates(output: str) -> list[str]:
    return [json.loads(line)["plate"] for line in output.splitlines() if '"plate"' in line]


def test_board_side_runs_it_without_compiler_or_torch(bundle: Path, tmp_path: Path) -> None:
    assert plates(run_on_board(bundle, tmp_path))


def test_default_schedule_is_a_bundle_like_another(bundle: Path, checkpoint: Path, tmp_path: Path) -> None:
    """It also passes `lpr-run`'s comparison with the golden outputs."""
    command = ["build", "--weights", str(checkpoint), "--schedule", "default", "--output"]
    result = CliRunner().invoke(main, [*command, str(tmp_path / "default")])
    assert result.exit_code == 0, result.output
    manifest = read_manifest(tmp_path / "default")
    assert (manifest.schedule.kind, manifest.schedule.tuned) == ("default", 0)
    assert manifest.macs > read_manifest(bundle).macs
    runs = []
    for name, folder in (("a", bundle), ("b", tmp_path / "default")):
        (tmp_path / name).mkdir()
        runs.append(plates(run_on_board(folder, tmp_path / name)))
    assert runs[0] == runs[1]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """A finished bundle with a board's report in it; must be as it was afterwards."""
    folder = tmp_path / "kept"
    (folder / "reports").mkdir(parents=True)
    (folder / "model.so").write_bytes(b"older")
    (folder / "reports" / "board.json").write_text("{}")
    before = digests(folder)
    yield folder
    assert digests(folder) == before
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["kept"]


def test_truncated_checkpoint_leaves_the_older_bundle(kept: Path, checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(checkpoint.read_bytes()[:-1000])
    with pytest.raises(FatalError, match=r"broken\.safetensors"):
        build(Request(target=load_target("native"), output=kept, checkpoint=broken))


def test_full_disk_leaves_the_older_bundle(kept: Path, checkpoint: Path) -> None:
    """No file may grow beyond 3 MiB: the module fits, the runtime's copy fails as it does on a full disk."""
    code = (
        "import resource, signal, sys; from host.cli import main;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20)); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "build", "--weights", str(checkpoint), "--output", str(kept)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr


def test_too_little_space_is_said_before_work_starts(
    kept: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.bundle.folder.SPACE", 1 << 60)
    with pytest.raises(FatalError, match="free"):
        build(Request(target=load_target("native"), output=kept, checkpoint=checkpoint))


def test_rebuild_keeps_reports(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    (folder / "reports").mkdir(parents=True)
    (folder / "reports" / "board.json").write_text("{}")
    with replacing(folder) as new:
        (new / "model.so").write_bytes(b"newer")
    assert (folder / "model.so").read_bytes() == b"newer"
    assert (folder / "reports" / "board.json").read_text() == "{}"
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["build", "--target", "rpi9"], "rpi9"),
        (["build", "--weights", "nowhere.safetensors"], "nowhere.safetensors"),
        (["build", "--weights", "README.md"], "README.md"),
        (["build", "--schedule", "default", "--precision", "int8"], "--schedule default: has no int8"),
        (["build", "--trials", "8"], "--trials"),
        (["build", "--precision", "fp32", "--observer", "mse"], "--observer mse: only int8"),
        (["build", "--precision", "int8", "--observer", "eyes"], "observer eyes: is not known"),
        (["eval", "--bundle", "nowhere", "--data", "lprnet/samples"], "nowhere"),
    ],
)
def test_bad_arguments_are_one_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert message in line


def test_eval_counts_and_records(bundle: Path, tmp_path: Path) -> None:
    """Labels are what the bundle itself reads, but for one; the command then finds that one wrong."""
    engine = Engine.open(bundle)
    data = tmp_path / "plates"
    data.mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        image = rng.integers(0, 256, (24, 94, 3), np.uint8)
        label = engine.read(image).plate if i else "京A00000"
        assert cv2.imwrite(str(tmp_path / "image.png"), image)
        (tmp_path / "image.png").rename(data / f"{label}_{i}.png")
    command = ["eval", "--bundle", str(bundle), "--data", str(data), "--json", "--record"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert '"n":3,"correct":2' in result.stdout
    (info,) = read_manifest(bundle).accuracy
    assert (info.dataset, info.n, info.correct) == ("plates", 3, 2)


def read_right(bundle: Path, data: Path) -> int:
    """Plates that `lpr-host eval` counts as right."""
    result = CliRunner().invoke(main, ["eval", "--bundle", str(bundle), "--data", str(data), "--json"])
    assert result.exit_code == 0, result.output
    return int(json.loads(result.stdout)["correct"])


def test_public_checkpoint_reads_ccpd(shared: Path, tmp_path: Path) -> None:
    public = shared / "weights" / "Final_LPRNet_model.pth"
    request = Request(
        target=load_target("native"), output=tmp_path / "b", checkpoint=public, precision="fp32"
    )
    assert read_right(build(request), shared / "data" / "ccpd_val") == 228


def test_bundle_by_default_reads_as_many_plates_as_the_unpruned_network(shared: Path, tmp_path: Path) -> None:
    """The recipe's precision and network on real plates, less half a point for other instruction sets."""
    bundle = build(Request(target=load_target("native"), output=tmp_path / "b"))
    assert read_right(bundle, shared / "data" / "ccpd_val") >= 270 - 1
    assert read_right(bundle, shared / "data" / "mixed_val") >= 690 - 4
