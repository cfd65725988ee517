from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from operator import eq
from pathlib import Path

import pytest
from click.testing import CliRunner

from device_runtime.board.cpu import detect
from device_runtime.bundle.manifest import read_manifest
from device_runtime.bundle.verify import verify
from device_runtime.errors import FatalError
from device_runtime.locate.module import open_locator
from device_runtime.read.engine import Engine
from device_runtime.sources.files import image_files, label_of
from host.build import Request, build
from host.cli import main
from host.paths import SAMPLES
from host.quantize import Options
from host.targets.read import load_target
from lprnet.weights import LOCATOR, of_recipe

ROOT = Path(__file__).parents[2]


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.is_file()}


def test_bundle_is_whole(fp32_bundle: Path, weights: Path) -> None:
    manifest = read_manifest(fp32_bundle)
    assert {"model.so", "model.tar.gz", "install.sh", "README.md", "requirements.txt", "golden.bin"} < {
        *manifest.files
    }
    assert {p.name for p in fp32_bundle.iterdir()} == {*manifest.files, "manifest.json"}
    assert sum(name.endswith(".whl") for name in manifest.files) == 1
    assert manifest.checkpoint.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert manifest.output.shape == (1, 73, 18)
    assert (manifest.schedule.kind, manifest.schedule.convolutions) == ("tuned", 16)
    assert f"glibc {manifest.target.glibc} or newer" in (fp32_bundle / "README.md").read_text()


@pytest.mark.slow
def test_same_inputs_give_the_same_bytes(bundle_of_users: Path, tmp_path: Path) -> None:
    again = build(Request(target=load_target("native"), output=tmp_path / "other", kept=None))
    assert digests(again) == digests(bundle_of_users)


def test_users_get_what_finds_plates(bundle_of_users: Path) -> None:
    manifest = read_manifest(bundle_of_users)
    locator = manifest.locator
    assert locator is not None
    assert {"locator.so", "locator.tar.gz", "locator_golden.bin"} < {*manifest.files}
    assert locator.checkpoint.sha256 == hashlib.sha256(LOCATOR.read_bytes()).hexdigest()
    assert locator.precision == manifest.precision
    assert locator.find.macs + 4 * locator.refine.macs <= 125e6
    assert locator.find.parameters + locator.refine.parameters <= 350_000
    assert manifest.files["locator.so"].bytes <= 500_000
    assert sum(file.bytes for file in manifest.files.values()) <= 8e6
    assert open_locator(verify(bundle_of_users)) is not None


def test_a_bundle_may_do_without_what_finds_plates(fp32_bundle: Path) -> None:
    assert read_manifest(fp32_bundle).locator is None
    assert not list(fp32_bundle.glob("locator*"))


def test_the_recipe_is_what_users_get(bundle_of_users: Path) -> None:
    manifest, recipe = read_manifest(bundle_of_users), load_target("native").recipe
    assert manifest.precision == recipe.precision
    assert manifest.checkpoint.name == of_recipe(recipe.pruning).name == "tiny.safetensors"


@pytest.mark.slow
def test_own_weights_are_not_replaced_by_the_recipes(weights: Path, tmp_path: Path) -> None:
    manifest = read_manifest(
        build(
            Request(target=load_target("native"), output=tmp_path / "own", checkpoint=weights, locator=None)
        )
    )
    assert manifest.checkpoint.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert manifest.precision == load_target("native").recipe.precision


@pytest.mark.slow
def test_int8_bundle_is_small_and_checks_out(fp32_bundle: Path, weights: Path, tmp_path: Path) -> None:
    """`Engine.open` compares the module's logits with those of the integer reference."""
    request = Request(
        target=load_target("native"),
        output=tmp_path / "int8",
        checkpoint=weights,
        precision="int8",
        locator=None,
    )
    integer = build(request)
    assert Engine.open(integer).manifest.precision == "int8"
    sizes = [read_manifest(b).files["model.so"].bytes for b in (integer, fp32_bundle)]
    assert sizes[0] < 0.35 * sizes[1]
    other = replace(request, output=tmp_path / "min-max", quantization=Options("min-max"))
    files = [read_manifest(b).files["model.so"].sha256 for b in (integer, build(other))]
    assert files[0] != files[1]


def test_bfloat16_bundle_checks_out(weights: Path, tmp_path: Path) -> None:
    """`Engine.open` compares the module's logits with those of a reference that rounds maps as it does."""
    if "avx512_bf16" not in detect().features:
        pytest.skip("this CPU has no avx512_bf16")
    request = Request(
        target=load_target("native"),
        output=tmp_path / "bf16",
        checkpoint=weights,
        precision="bf16",
        locator=None,
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
    arguments = ["--bundle", str(bundle), "--crop", "--images", str(SAMPLES), "--json"]
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


def test_board_side_runs_it_without_compiler_or_torch(bundle_of_users: Path, tmp_path: Path) -> None:
    read = plates(run_on_board(bundle_of_users, tmp_path))
    labels = [label_of(path) for path in image_files([SAMPLES])]
    assert sum(map(eq, read, labels)) > 0.9 * len(labels)


@pytest.mark.slow
def test_default_schedule_is_a_bundle_like_another(fp32_bundle: Path, weights: Path, tmp_path: Path) -> None:
    """It also passes `lpr-run`'s comparison with the golden outputs."""
    command = ["build", "--weights", str(weights), "--schedule", "default", "--output"]
    result = CliRunner().invoke(main, [*command, str(tmp_path / "default")])
    assert result.exit_code == 0, result.output
    manifest = read_manifest(tmp_path / "default")
    assert (manifest.schedule.kind, manifest.schedule.tuned) == ("default", 0)
    assert manifest.macs > read_manifest(fp32_bundle).macs
    runs = []
    for name, folder in (("a", fp32_bundle), ("b", tmp_path / "default")):
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


def test_truncated_checkpoint_leaves_the_older_bundle(kept: Path, weights: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(FatalError, match=r"broken\.safetensors"):
        build(Request(target=load_target("native"), output=kept, checkpoint=broken))


@pytest.mark.slow
def test_full_disk_leaves_the_older_bundle(kept: Path, weights: Path) -> None:
    """No file may grow beyond 3 MiB: the module fits, the runtime's copy fails as it does on a full disk."""
    code = (
        "import resource, signal, sys; from host.cli import main;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20)); main()"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            "build",
            "--no-locator",
            "--weights",
            str(weights),
            "--output",
            str(kept),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr


def test_too_little_space_is_said_before_work_starts(
    kept: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.bundle.folder.SPACE", 1 << 60)
    with pytest.raises(FatalError, match="free"):
        build(Request(target=load_target("native"), output=kept, checkpoint=weights))
