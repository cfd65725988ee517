"""Bundles on emulated boards. The first run downloads two Debian roots and builds two TVM runtimes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from device_runtime.bundle.manifest import read_manifest
from device_runtime.errors import FatalError
from device_runtime.sources.files import image_files
from host.build import Request, build
from host.check.parity import Outputs, compare, expected, on_board, on_host
from host.emulate.root import SYSTEMS, root_for
from host.paths import SAMPLES
from host.runtime_libs import runtime_libs
from host.targets.profile import Target
from host.targets.read import load_target
from lprnet.weights import of_recipe
from tests.sharing import Exclusively

IMAGES = 2
UNPRUNED = of_recipe("none")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of some sample plates."""
    folder = tmp_path_factory.mktemp("images")
    for path in image_files([SAMPLES])[:IMAGES]:
        shutil.copy(path, folder)
    return folder


def prepared(name: str, exclusively: Exclusively) -> Target:
    """The target, with what its bundles and its emulation need; made by one worker, where it is missing."""
    target = load_target(name)
    with exclusively(target.arch):
        runtime_libs(target)
        if target.arch in SYSTEMS:
            root_for(target.arch)
    return target


def agrees(request: Request, board: Outputs, images: Path) -> bool:
    manifest = read_manifest(request.output)
    assert board.logits.shape == (IMAGES, *manifest.output.shape[1:])
    host = expected(request, images)
    assert all(host.plates)
    return compare(board, host, images, manifest.precision, manifest.golden.atol).agree


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rpi4", "rpi5", "rpi2", "visionfive2"])
def test_board_computes_what_the_network_computes(
    name: str, images: Path, tmp_path: Path, exclusively: Exclusively
) -> None:
    """In the recipe's precision, of the recipe's network: what users get."""
    request = Request(target=prepared(name, exclusively), output=tmp_path / name, locator=None)
    board = on_board(build(request), images, request.target)
    assert agrees(request, board, images)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "precision"), [("rpi4", "fp32"), ("rpi5", "fp16"), ("rpi2", "fp32"), ("visionfive2", "int8")]
)
def test_other_precisions_agree_too(
    name: str, precision: str, images: Path, tmp_path: Path, exclusively: Exclusively
) -> None:
    request = Request(
        target=prepared(name, exclusively),
        output=tmp_path / name,
        checkpoint=UNPRUNED,
        precision=precision,
        locator=None,
    )
    board = on_board(build(request), images, request.target)
    assert agrees(request, board, images)


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_this_machine_computes_what_the_network_computes(
    precision: str, images: Path, tmp_path: Path
) -> None:
    request = Request(
        target=load_target("native"), output=tmp_path / "native", precision=precision, locator=None
    )
    assert agrees(request, on_host(build(request), images), images)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rpi4", "visionfive2"])
def test_damaged_bundle_is_refused_by_the_board(name: str, images: Path, tmp_path: Path) -> None:
    bundle = build(Request(target=load_target(name), output=tmp_path / name, locator=None))
    with (bundle / "model.so").open("r+b") as file:
        file.seek(4096)
        file.write(b"\0" * 64)
    with pytest.raises(FatalError, match=r"model\.so"):
        on_board(bundle, images, load_target(name))


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
