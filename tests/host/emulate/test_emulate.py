"""Bundles on emulated boards. The first run downloads two Debian roots and builds two TVM runtimes."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from device_runtime.board.cpu import hwcap_features
from device_runtime.bundle.manifest import read_manifest
from device_runtime.errors import FatalError
from host.build import Request, build
from host.check.parity import Outputs, compare, on_board, on_host
from host.cli import main
from host.emulate.root import root_for, run_in_root
from host.paths import SAMPLES
from host.targets.read import load_target
from lprnet.network.checkpoint import save_checkpoint
from tests.checkpoints import random_checkpoint

IMAGES = 4


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for path in sorted(SAMPLES.glob("*.png"))[:IMAGES]:
        shutil.copy(path, folder)
    return folder


def bundle_for(name: str, folder: Path) -> Path:
    return build(Request(target=load_target(name), output=folder / name))


@pytest.fixture(scope="module")
def host(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    return on_host(bundle_for("native", tmp_path_factory.mktemp("native")), images)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rpi4", "rpi5", "rpi2", "visionfive2"])
def test_board_computes_what_the_host_computes(
    name: str, host: Outputs, images: Path, tmp_path: Path
) -> None:
    bundle = bundle_for(name, tmp_path)
    board = on_board(bundle, images, load_target(name))
    manifest = read_manifest(bundle)
    assert board.logits.shape == (IMAGES, *manifest.output.shape[1:])
    result = compare(board, host, images, manifest.precision, manifest.golden.atol)
    assert result.agree, result
    assert all(host.plates)


@pytest.mark.slow
def test_command_compares_and_refuses_another_network(images: Path, tmp_path: Path) -> None:
    """Through `lpr-host test-device`, which builds the missing bundle."""
    command = ["test-device", "--target", "rpi4", "--bundle", str(tmp_path / "rpi4"), "--images", str(images)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert f"{IMAGES} of {IMAGES} plates equal the host's" in result.stdout

    random = random_checkpoint()
    save_checkpoint(tmp_path / "random.safetensors", random.state, random.alphabet)
    result = CliRunner().invoke(main, [*command, "--weights", str(tmp_path / "random.safetensors")])
    assert result.exit_code == 2
    assert "was built from lprnet.safetensors" in result.stderr.splitlines()[-1]


@pytest.mark.slow
def test_damaged_bundle_is_refused_by_the_board(images: Path, tmp_path: Path) -> None:
    bundle = bundle_for("rpi4", tmp_path)
    with (bundle / "model.so").open("r+b") as file:
        file.seek(4096)
        file.write(b"\0" * 64)
    with pytest.raises(FatalError, match=r"model\.so"):
        on_board(bundle, images, load_target("rpi4"))


@pytest.mark.parametrize("name", ["rpi4", "rpi5"])
def test_emulated_cpu_has_the_features_its_target_needs(name: str) -> None:
    target = load_target(name)
    root = root_for("aarch64")
    code = "import ctypes; f = ctypes.CDLL(None).getauxval; f.restype = ctypes.c_ulong; print(f(16), f(26))"
    done = run_in_root(root, str(target.emulate_cpu), [str(root.python), "-c", code])
    features = hwcap_features("aarch64", *map(int, done.stdout.split()))
    assert set(target.cpu_features) <= features
    assert ("asimddp" in features) == (name == "rpi5")


def outputs(plates: tuple[str, ...], logits: float) -> Outputs:
    return Outputs(plates, np.full((2, 3, 4), logits, np.float32))


@pytest.mark.parametrize(
    ("board", "precision", "agree"),
    [
        (outputs(("a", "b"), 1.0), "fp32", True),
        (outputs(("a", "b"), 1.0005), "fp32", True),
        (outputs(("a", "b"), 1.01), "fp32", False),
        (outputs(("a", "b"), 1.01), "int8", True),
        (outputs(("a", "b"), 1.1), "int8", False),
        (outputs(("a", "b"), float("nan")), "fp32", False),
        (outputs(("a", "c"), 1.0), "fp32", False),
    ],
)
def test_comparison(board: Outputs, precision: str, agree: bool, tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        (tmp_path / name).touch()
    result = compare(board, outputs(("a", "b"), 1.0), tmp_path, precision, atol=0.05)
    assert result.agree == agree
    assert result.different == (() if board.plates == ("a", "b") else ("2.png: board 'c', host 'b'",))


def test_a_target_of_this_machine_is_not_emulated(images: Path, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="is not emulated"):
        on_board(tmp_path, images, load_target("x86-64-v3"))


def test_missing_emulator_names_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = root_for("aarch64")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FatalError, match="apt-get install qemu-user-static"):
        run_in_root(root, "cortex-a72", ["/bin/true"])


def test_unknown_cpu_model(caplog: pytest.LogCaptureFixture) -> None:
    root = root_for("aarch64")
    done = run_in_root(root, "cortex-a9000", [str(root.python), "-c", "print(1)"])
    assert done.stdout == "1\n"
    assert "does not know cortex-a9000: emulating its `max`" in caplog.text
    elsewhere = dataclasses.replace(root, arch="riscv64")
    with pytest.raises(FatalError, match="no such CPU model – use a newer QEMU, or one of"):
        run_in_root(elsewhere, "u-9000", [])


def test_root_needs_a_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host.emulate.root.MIRROR", f"file://{tmp_path}/none")
    with pytest.raises(FatalError, match=r"Debian packages for arm64: E: .* – check the network"):
        root_for("aarch64", tmp_path / "cache")
    assert list((tmp_path / "cache" / "roots").iterdir()) == []
    with pytest.raises(FatalError, match="root for sparc"):
        root_for("sparc")
