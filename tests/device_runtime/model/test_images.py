from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tvm
from numpy.typing import NDArray
from tvm import relax, tirx

from device_runtime.board import cpu
from device_runtime.errors import FatalError
from device_runtime.model.abi import Module
from device_runtime.model.images import SIZES, ImageModel


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory, runtime_dir: Path) -> Module:
    """`every_other`: of pictures of any size every other pixel, by channel. `one`: the same of one size."""
    builder = relax.BlockBuilder()

    def add(name: str, height: tirx.PrimExpr, width: tirx.PrimExpr) -> None:
        image = relax.Var("image", relax.TensorType((height, width, 3), "uint8"))
        with builder.function(name, [image]):
            cut = builder.emit(relax.op.strided_slice(image, [0, 1], [0, 0], [height, width], [2, 2]))
            planes = builder.emit(relax.op.permute_dims(cut, [2, 0, 1]))
            builder.emit_func_output(builder.emit(relax.op.astype(planes, "float32")))

    add("every_other", tirx.Var("h", "int64"), tirx.Var("w", "int64"))
    add("one", tirx.IntImm("int64", 8), tirx.IntImm("int64", 16))
    triple = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}[cpu.detect().arch]
    target = tvm.target.Target({"kind": "llvm", "mtriple": triple})
    path = tmp_path_factory.mktemp("module") / "images.so"
    tvm.compile(builder.finalize(), target=target).export_library(str(path))
    return Module(path, runtime_dir)


def anything(height: int, width: int) -> bool:
    return True


def picture(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


def expected(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return image[::2, ::2].transpose(2, 0, 1).astype(np.float32)


def test_one_function_serves_all_sizes(module: Module) -> None:
    model = ImageModel(module, "every_other", anything, channels=3, stride=2)
    for size in ((8, 16), (32, 4), (8, 16)):
        assert np.array_equal(model(picture(*size)), expected(picture(*size)))


def test_a_picture_written_in_place_is_read_there(module: Module) -> None:
    model = ImageModel(module, "every_other", anything, channels=3, stride=2)
    buffer = model.input(16, 8)
    buffer[:] = picture(16, 8)
    output = model(buffer)
    assert np.array_equal(output, expected(buffer))
    buffer[:] = 7
    assert model(model.input(16, 8)) is output and (output == 7).all()


def test_functions_of_a_module_have_their_own_buffers(module: Module) -> None:
    first, second = (
        ImageModel(module, name, anything, channels=3, stride=2) for name in ("every_other", "one")
    )
    output = first(picture(8, 16))
    second(np.zeros((8, 16, 3), np.uint8))
    assert np.array_equal(output, expected(picture(8, 16)))


def test_buffers_of_many_sizes_are_not_kept(module: Module) -> None:
    model = ImageModel(module, "every_other", anything, channels=3, stride=2)
    first = model.input(2, 2)
    for width in range(4, 4 + 2 * SIZES, 2):
        assert np.array_equal(model(picture(6, width)), expected(picture(6, width)))
    assert model.input(2, 2) is not first


def test_views_are_copied(module: Module) -> None:
    model = ImageModel(module, "one", anything, channels=3, stride=2)
    large = picture(16, 32)
    assert np.array_equal(model(large[::2, ::2]), expected(large[::2, ::2]))


def test_what_does_not_fit_is_one_line(module: Module) -> None:
    with pytest.raises(FatalError, match=r"images\.so: cannot be loaded \(.*none"):
        ImageModel(module, "none", anything, channels=3, stride=2).input(8, 16)
    with pytest.raises(FatalError, match=r"returns \[3, 4, 8\], and .* says float32 \[5, 4, 8\]"):
        ImageModel(module, "one", anything, channels=5, stride=2).input(8, 16)
    with pytest.raises(FatalError, match="inference"):
        ImageModel(module, "one", anything, channels=3, stride=2).input(8, 8)
    square = ImageModel(module, "one", lambda height, width: height == width, channels=3, stride=2)
    with pytest.raises(FatalError, match="one: takes no picture of 16×8 px"):
        square(picture(8, 16))
