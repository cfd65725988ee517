from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from device_runtime.bundle.golden import read_golden
from device_runtime.bundle.manifest import Manifest
from device_runtime.errors import FatalError
from device_runtime.model.abi import FFI_LIBRARY, RUNTIME_LIBRARY, Model, Runtime, TVMError, mapped_library
from device_runtime.model.memory import ALIGNMENT, aligned_empty
from device_runtime.read.preprocess import prepare

Compile = Callable[[torch.nn.Module, Path], object]

IN, OUT = (1, 3, 24, 94), (1, 68, 18)

RUN = """if True:
    import sys
    from pathlib import Path
    import numpy as np
    {first}
    from device_runtime.model.abi import Model, mapped_library
    folder = Path(sys.argv[1])
    model = Model(folder / "model.so", folder, input_shape=(1, 3, 24, 94), output_shape=(1, 68, 18))
    np.save(sys.argv[2], model.run(np.load(sys.argv[3])))
    print(mapped_library("libtvm_ffi.so"), mapped_library("libtvm_runtime.so"), sep="\\n")
    print([name for name in ("tvm", "tvm_ffi", "torch") if name in sys.modules])
"""


def open_model(bundle: Path, threads: int = 1) -> Model:
    return Model(bundle / "model.so", bundle, input_shape=IN, output_shape=OUT, threads=threads)


def run_in_process(bundle: Path, scratch: Path, first: str) -> tuple[np.ndarray, list[str]]:
    np.save(scratch / "in.npy", np.linspace(-1, 1, np.prod(IN), dtype=np.float32).reshape(IN))
    code = RUN.format(first=first)
    command = [sys.executable, "-c", code, *map(str, (bundle, scratch / "out.npy", scratch / "in.npy"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.load(scratch / "out.npy"), done.stdout.splitlines()


def test_computes_what_torch_does(pristine_bundle: Path, manifest: Manifest) -> None:
    model = open_model(pristine_bundle)
    golden = read_golden(pristine_bundle, manifest)
    for image, logits in zip(golden.images, golden.logits, strict=True):
        prepare(image, model.input)
        assert np.abs(model.run()[0] - logits).max() < 1e-4


def test_runs_without_tvms_python_packages(pristine_bundle: Path, tmp_path: Path) -> None:
    logits, lines = run_in_process(pristine_bundle, tmp_path, "")
    assert lines == [*(str(pristine_bundle / name) for name in (FFI_LIBRARY, RUNTIME_LIBRARY)), "[]"]
    assert np.array_equal(logits, open_model(pristine_bundle).run(np.load(tmp_path / "in.npy")))


@pytest.mark.parametrize("first", ["import tvm_ffi", "import tvm"])
def test_uses_the_libraries_this_process_has(pristine_bundle: Path, tmp_path: Path, first: str) -> None:
    logits, lines = run_in_process(pristine_bundle, tmp_path, first)
    assert lines[0] != str(pristine_bundle / FFI_LIBRARY)
    assert (lines[1] == str(pristine_bundle / RUNTIME_LIBRARY)) is (first == "import tvm_ffi")
    assert np.array_equal(logits, open_model(pristine_bundle).run(np.load(tmp_path / "in.npy")))


def test_stays_on_the_cores_it_was_given(pristine_bundle: Path, tmp_path: Path) -> None:
    core = max(os.sched_getaffinity(0))
    first = f"import os; os.sched_setaffinity(0, {{{core}}})"
    code = RUN.format(first=first) + "    print(sorted(os.sched_getaffinity(0)))"
    np.save(tmp_path / "in.npy", np.zeros(IN, np.float32))
    command = [sys.executable, "-c", code]
    command += map(str, (pristine_bundle, tmp_path / "out.npy", tmp_path / "in.npy"))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"[{core}]"


def test_two_models_keep_their_own_buffers(pristine_bundle: Path) -> None:
    first, second = open_model(pristine_bundle), open_model(pristine_bundle)
    ones = np.ones(IN, np.float32)
    a = first.run(ones).copy()
    second.run(-ones)
    assert np.array_equal(first.output, a)
    assert not np.array_equal(second.output, a)
    assert first.input.ctypes.data % ALIGNMENT == second.output.ctypes.data % ALIGNMENT == 0


def test_takes_inputs_of_any_alignment(pristine_bundle: Path) -> None:
    model = open_model(pristine_bundle)
    raw = np.zeros(np.prod(IN) + 16, np.float32)
    image = raw[1 : 1 + np.prod(IN)].reshape(IN)
    image[:] = np.random.default_rng(0).standard_normal(IN)
    aligned = aligned_empty(IN)
    aligned[:] = image
    assert np.array_equal(model.run(image).copy(), model.run(aligned))
    with pytest.raises(ValueError, match="broadcast"):
        model.run(np.zeros((2, 3, 24, 94), np.float32))


class Corner(torch.nn.Module):
    """Next to no work, and an output of the size LPRNet's has."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image[:, :1, :14, :].reshape(1, 14, 94) + 1


def test_many_calls_keep_no_memory(runtime_dir: Path, compile_module: Compile, tmp_path: Path) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4

    compile_module(Corner(), tmp_path / "model.so")
    model = Model(tmp_path / "model.so", runtime_dir, input_shape=IN, output_shape=(1, 14, 94))
    for _ in range(1000):
        model.run()
    before = resident()
    for index in range(20_000):
        model.input[0, 0, 0, 0] = index
        assert model.run()[0, 0, 0] == index + 1
    assert resident() - before < 2048  # KiB; one leaked result a call would be 100 MiB


def test_models_are_given_back(pristine_bundle: Path) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4

    for _ in range(20):
        open_model(pristine_bundle)
    before = resident()
    for _ in range(200):
        open_model(pristine_bundle)
    assert resident() - before < 20_000  # KiB; the weights alone would be 35 MiB


def test_threads(pristine_bundle: Path) -> None:
    one, two = open_model(pristine_bundle, 1).run().copy(), open_model(pristine_bundle, 2).run()
    assert np.allclose(one, two, atol=1e-5)


def test_wrong_shapes_are_refused(pristine_bundle: Path) -> None:
    with pytest.raises(FatalError, match="inference"):
        Model(pristine_bundle / "model.so", pristine_bundle, input_shape=(1, 3, 24, 95), output_shape=OUT)
    with pytest.raises(FatalError, match=r"\[1, 68, 18\].*\[1, 68, 17\]"):
        Model(pristine_bundle / "model.so", pristine_bundle, input_shape=IN, output_shape=(1, 68, 17))


@pytest.mark.parametrize("damage", ["text", "missing", "other"])
def test_what_is_no_module_is_refused(bundle: Path, damage: str) -> None:
    path = bundle / "model.so"
    if damage == "text":
        path.write_text("not a library")
    elif damage == "missing":
        path.unlink()
    else:
        subprocess.run(["cc", "-shared", "-x", "c", "/dev/null", "-o", path], check=True)
    with pytest.raises(FatalError, match=r"model\.so: cannot be loaded") as caught:
        open_model(bundle)
    assert "\n" not in str(caught.value)


def test_a_broken_runtime_is_refused(bundle: Path) -> None:
    (bundle / FFI_LIBRARY).write_bytes(b"\x7fELF")
    code = """if True:
        import sys
        from pathlib import Path
        from device_runtime.model.abi import Model
        from device_runtime.errors import FatalError
        folder = Path(sys.argv[1])
        try:
            Model(folder / "model.so", folder, input_shape=(1, 3, 24, 94), output_shape=(1, 68, 18))
        except FatalError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", code, bundle], capture_output=True, text=True, check=True)
    assert "libtvm_ffi.so: cannot be loaded" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_values_cross_the_boundary(runtime_dir: Path) -> None:
    runtime = Runtime(runtime_dir, 1)
    version = runtime.find("ffi.GetGlobalFuncMetadata")
    assert runtime.find("no.such.function") is None
    echo = runtime.find("testing.echo")
    if echo is not None:
        for value in (1, -(1 << 40), True, "short", "a longer string, on the heap"):
            assert runtime.call(echo, value) == value
        echoed = runtime.call(echo, echo)
        assert isinstance(echoed, type(echo)) and echoed.address == echo.address
    names = runtime.find("ffi.FunctionListGlobalNamesFunctor")
    assert names is not None
    listing = runtime.call(names)
    assert isinstance(listing, type(names))
    count = runtime.call(listing, -1)
    assert isinstance(count, int) and count > 50
    assert all(isinstance(runtime.call(listing, index), str) for index in range(count))
    with pytest.raises(TVMError, match="Error"):
        runtime.call(names, 1, 2, 3)
    if version is not None:
        with pytest.raises(TVMError):
            runtime.call(version, "no.such.function")


def test_finds_mapped_libraries() -> None:
    maps = (
        "7f0000000000-7f0000001000 r-xp 00000000 fd:01 123    /opt/a folder/libtvm_ffi.so\n"
        "7f0000002000-7f0000003000 rw-p 00000000 00:00 0\n"
        "7f0000004000-7f0000005000 r-xp 00000000 fd:01 124    /opt/libtvm_ffi.so.old\n"
    )
    assert mapped_library("libtvm_ffi.so", maps) == Path("/opt/a folder/libtvm_ffi.so")
    assert mapped_library("libtvm_runtime.so", maps) is None
