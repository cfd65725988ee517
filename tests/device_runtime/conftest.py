from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pytest
import torch
import tvm
from tvm import relax, tirx
from tvm.relax.frontend.torch import from_exported_program

from device_runtime.board import cpu, suggest
from device_runtime.bundle.golden import FILE, Golden
from device_runtime.bundle.golden import encode as encode_golden
from device_runtime.bundle.locator_golden import LOCATOR_GOLDEN, GoldenMap, describe
from device_runtime.bundle.locator_golden import encode as encode_maps
from device_runtime.bundle.manifest import (
    MANIFEST_NAME,
    CheckpointInfo,
    FileInfo,
    ImageNetworkInfo,
    InputInfo,
    LocatorInfo,
    Manifest,
    OutputInfo,
    ScheduleInfo,
    ScoringInfo,
    SearchInfo,
    TargetInfo,
    Versions,
    encode,
    read_manifest,
)
from device_runtime.model.memory import aligned_empty
from device_runtime.read.preprocess import DEFAULT, prepare
from host.compile.link import ARCHIVE_SUFFIX, archive
from host.kernels.letterbox import letterbox
from host.kernels.warp import warp
from host.targets.boards import advice
from lprnet.network.alphabet import PUBLIC

Seal = Callable[[Path, Manifest], Manifest]


class Reader(torch.nn.Module):
    """Of LPRNet's shape, but one layer: 18 windows of the image, looked at as a whole."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.windows = torch.nn.Conv2d(3, classes, (24, 9), stride=(1, 5))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 8 * self.windows(images).squeeze(2)


def package_file(package: str, path: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / path


def compile_module(network: torch.nn.Module, path: Path) -> tvm.relax.VMExecutable:
    """Write a module of *network*, which takes float32 [1, 3, 24, 94], through TVM's default pipeline."""
    program = torch.export.export(network.eval(), (torch.zeros(1, 3, 24, 94),))
    module = from_exported_program(program, keep_params_as_input=False, unwrap_unit_return_tuple=True)
    triple = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}[cpu.detect().arch]
    executable = tvm.compile(module, target=tvm.target.Target({"kind": "llvm", "mtriple": triple}))
    executable.export_library(str(path))
    return executable


def golden_images(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 24, 94, 3), np.uint8)


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Write *manifest* with the files that are in *folder* now."""
    files = {
        p.name: FileInfo(hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_size)
        for p in folder.iterdir()
        if p.name != MANIFEST_NAME
    }
    manifest = msgspec.structs.replace(manifest, files=files)
    (folder / MANIFEST_NAME).write_bytes(encode(manifest))
    return manifest


@pytest.fixture(name="compile_module")
def compile_module_fixture() -> Callable[[torch.nn.Module, Path], object]:
    return compile_module


@pytest.fixture(name="seal")
def seal_fixture() -> Seal:
    return seal


@pytest.fixture(scope="session")
def runtime_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runtime")
    shutil.copy(package_file("tvm", "lib/libtvm_runtime.so"), folder)
    shutil.copy(package_file("tvm_ffi", "lib/libtvm_ffi.so"), folder)
    return folder


@pytest.fixture(scope="session")
def pristine_bundle(tmp_path_factory: pytest.TempPathFactory, runtime_dir: Path) -> Path:
    """A bundle for this machine that reads nonsense reproducibly; not to be changed."""
    folder = tmp_path_factory.mktemp("bundle")
    torch.manual_seed(4)
    network = Reader(len(PUBLIC.characters))
    executable = compile_module(network, folder / "model.so")
    executable.export_library(str(folder / f"model{ARCHIVE_SUFFIX}"), fcompile=archive)
    for library in runtime_dir.iterdir():
        shutil.copy(library, folder)
    images = golden_images(2)
    tensor = aligned_empty((1, 3, 24, 94))
    logits = []
    for image in images:
        prepare(image, tensor)
        with torch.no_grad():
            logits.append(network(torch.from_numpy(tensor.copy())).numpy()[0])
    golden = Golden(images, np.stack(logits), atol=1e-3)
    (folder / FILE).write_bytes(encode_golden(golden))
    arch = cpu.detect().arch
    seal(
        folder,
        Manifest(
            created_by="tests",
            target=TargetInfo(
                name="tiny",
                display_name="Tests",
                arch=arch,  # type: ignore[arg-type]
                triple=f"{arch}-linux-gnu",
                cpu="generic",
                cpu_features=(),
                glibc="2.31",
            ),
            alphabet=PUBLIC.characters,
            blank=PUBLIC.blank,
            input=InputInfo((1, 3, 24, 94), "float32", "NCHW"),
            output=OutputInfo((1, len(PUBLIC.characters), 18), "float32", "NCT"),
            preprocess=DEFAULT,
            precision="fp32",
            schedule=ScheduleInfo(kind="default", convolutions=1, tuned=0),
            versions=Versions(tvm.__version__, "0.1", "none"),
            checkpoint=CheckpointInfo("random", "0" * 64),
            macs=1,
            parameters=1,
            files={FILE: FileInfo("0" * 64, 0)},
            golden=golden.info,
        ),
    )
    return folder


def compile_locator(path: Path) -> None:
    """Write a module whose `find` and `refine` have the shapes of a locator's but next to no work."""
    builder = relax.BlockBuilder()

    def add(name: str, size: tuple[object, object], channels: int, stride: int) -> None:
        image = relax.Var("image", relax.TensorType((*size, 3), "uint8"))
        with builder.function(name, [image]):
            cut = builder.emit(relax.op.strided_slice(image, [0, 1], [0, 0], list(size), [stride, stride]))
            planes = relax.op.astype(builder.emit(relax.op.permute_dims(cut, [2, 0, 1])), "float32")
            repeated = relax.op.concat([builder.emit(planes)] * (channels // 3 + 1), axis=0)
            first = relax.op.strided_slice(builder.emit(repeated), [0], [0], [channels])
            builder.emit_func_output(builder.emit(first))

    add("find", (tirx.Var("h", "int64"), tirx.Var("w", "int64")), 11, 8)
    add("refine", (tirx.IntImm("int64", 64), tirx.IntImm("int64", 128)), 6, 4)
    builder.add_func(letterbox("letterbox_kernel", 8), "letterbox_kernel")
    builder.add_func(warp("warp_kernel", 4), "warp_kernel")
    triple = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}[cpu.detect().arch]
    target = tvm.target.Target({"kind": "llvm", "mtriple": triple})
    tvm.compile(builder.finalize(), target=target).export_library(str(path))


def golden_map(network: Literal["find", "refine"], height: int, width: int) -> GoldenMap:
    """What `compile_locator`'s networks compute of a picture of that size."""
    channels, stride = {"find": (11, 8), "refine": (6, 4)}[network]
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    planes = image[::stride, ::stride].transpose(2, 0, 1).astype(np.float32)
    return GoldenMap(network=network, image=image, output=planes[np.arange(channels) % 3])


@pytest.fixture(scope="session")
def located_bundle(pristine_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a locator; not to be changed."""
    folder = Path(shutil.copytree(pristine_bundle, tmp_path_factory.mktemp("located") / "bundle"))
    compile_locator(folder / "locator.so")
    maps = (golden_map("find", 64, 96), golden_map("find", 96, 32), golden_map("refine", 64, 128))
    (folder / LOCATOR_GOLDEN).write_bytes(encode_maps(maps))
    network = ImageNetworkInfo(
        height=64,
        width=128,
        area=None,
        grid=16,
        least_height=64,
        least_width=128,
        channels=6,
        stride=4,
        macs=1,
        parameters=1,
    )
    find = msgspec.structs.replace(
        network, area=320 * 320, grid=32, least_height=32, least_width=32, channels=11, stride=8
    )
    manifest = read_manifest(folder)
    seal(
        folder,
        msgspec.structs.replace(
            manifest,
            files=manifest.files | dict.fromkeys(("locator.so", LOCATOR_GOLDEN), manifest.files["model.so"]),
            locator=LocatorInfo(
                module="locator.so",
                precision="fp32",
                schedule=manifest.schedule,
                checkpoint=manifest.checkpoint,
                find=find,
                refine=network,
                scoring=ScoringInfo(find=0.25, refine=0.5, offset=0.125),
                search=SearchInfo(proposing=0.1, sure=0.5, clear=0.9, doubtful=0.2, threshold=0.3),
                golden=describe(maps, 1e-3),
            ),
        ),
    )
    return folder


@pytest.fixture
def located(located_bundle: Path) -> Manifest:
    """The manifest of a bundle with a locator."""
    return read_manifest(located_bundle)


@pytest.fixture
def bundle(pristine_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the bundle to break."""
    return Path(shutil.copytree(pristine_bundle, tmp_path / "bundle"))


@pytest.fixture
def manifest(pristine_bundle: Path) -> Manifest:
    return read_manifest(pristine_bundle)


@pytest.fixture
def boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `boards.json` that an installed package has and a checkout has not."""
    path = tmp_path / "boards" / "boards.json"
    suggest.ADVICE.write(path, advice())
    monkeypatch.setattr(suggest, "FILE", path)
    return path
