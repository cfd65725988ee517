"""Runs a compiled module through the C ABI of libtvm_ffi, with ctypes alone.

The structures are those of tvm/ffi/c_api.h and dlpack/dlpack.h (tvm-ffi 0.1). ctypes lays them out by
the rules of the platform's C compiler, so they hold on 32-bit ARM as well as on the 64-bit boards.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from device_runtime.model.memory import aligned_empty

FFI_LIBRARY = "libtvm_ffi.so"
RUNTIME_LIBRARY = "libtvm_runtime.so"

_NONE, _INT, _BOOL, _RAW_STR, _SMALL_STR, _STR, _FUNCTION, _TENSOR = 0, 1, 2, 8, 11, 65, 68, 70
"""enum TVMFFITypeIndex"""
_FIRST_OBJECT = 64
_HEADER = 24
"""sizeof(TVMFFIObject): reference counts, type index, padding, deleter; the same on every platform."""
_DL_CPU, _DL_INT, _DL_UINT, _DL_FLOAT = 1, 0, 1, 2
_FLOAT32 = (_DL_FLOAT, 32, 1)
_DTYPES = {
    "float32": _FLOAT32,
    "uint8": (_DL_UINT, 8, 1),
    "int16": (_DL_INT, 16, 1),
    "int32": (_DL_INT, 32, 1),
}
"""numpy's names of what modules take and return → code, bits and lanes of DLDataType."""
_POOLED_ALLOCATOR = 2
_INITIALIZATION = (_DL_CPU, 0, _POOLED_ALLOCATOR)
"""Arguments of VMExecutable's vm_initialization: device type, device index, allocator."""


class _Value(ctypes.Union):
    _fields_ = (("int", ctypes.c_int64), ("ptr", ctypes.c_void_p), ("str", ctypes.c_char_p))


class _Any(ctypes.Structure):
    """TVMFFIAny; 16 bytes on every platform."""

    _fields_ = (("type", ctypes.c_int32), ("length", ctypes.c_uint32), ("value", _Value))


class _Bytes(ctypes.Structure):
    """TVMFFIByteArray."""

    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_size_t))

    def __str__(self) -> str:
        return ctypes.string_at(self.data, self.size).decode(errors="replace") if self.data else ""


class _ErrorCell(ctypes.Structure):
    """The beginning of TVMFFIErrorCell."""

    _fields_ = (("kind", _Bytes), ("message", _Bytes))


class _Device(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int32), ("index", ctypes.c_int32))


class _DataType(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    """DLTensor."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _ManagedTensor(ctypes.Structure):
    """DLManagedTensor; a null deleter leaves the memory to its owner, here numpy."""

    _fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


Opened = Callable[[Path], Path]
"""What to open in place of a file: it may be a copy that nobody can change."""


class TVMError(Exception):
    """TVM reported an error; the text is its kind and message."""


class _Object:
    """One strong reference to a TVM object, given back when this is collected."""

    __slots__ = ("_release", "address", "handle")

    def __init__(self, library: ctypes.CDLL, handle: int) -> None:
        self.address = handle
        self.handle = ctypes.c_void_p(handle)
        self._release = library.TVMFFIObjectDecRef

    def __del__(self) -> None:
        # At exit the order of destruction is not ours to choose; the process gives everything back.
        if not sys.is_finalizing():
            self._release(self.handle)


class Runtime:
    """libtvm_ffi and libtvm_runtime, loaded once a process."""

    def __init__(self, folder: Path, threads: int, opened: Opened = Path.absolute) -> None:
        self._opened = opened
        # Read when TVM's pool of threads starts, which is at the first parallel call.
        os.environ["TVM_NUM_THREADS"] = str(threads)
        # Otherwise TVM moves this process to the first core, whatever taskset says and slow as it may be.
        os.environ.setdefault("TVM_BIND_THREADS", "0")
        self.ffi = _load(folder, FFI_LIBRARY, opened)
        _load(folder, RUNTIME_LIBRARY, opened)
        # A pool that is already running in this process is set anew; 1 is the mode for big cores, unused
        # without binding.
        configure = self.find("runtime.config_threadpool")
        if configure is not None:
            self.call(configure, 1, threads)

    def find(self, name: str) -> _Object | None:
        """The global function *name*, or None."""
        text = name.encode()
        buffer = ctypes.create_string_buffer(text)
        key = _Bytes(ctypes.addressof(buffer), len(text))
        handle = ctypes.c_void_p()
        self.check(self.ffi.TVMFFIFunctionGetGlobal(ctypes.byref(key), ctypes.byref(handle)))
        return _Object(self.ffi, handle.value) if handle.value else None

    def call(self, function: _Object, *arguments: int | bool | str | _Object) -> int | str | _Object | None:
        """Call *function* with plain values; objects in the result are owned by it.

        Raises:
            TVMError: the function reported one.
        """
        values = (_Any * max(1, len(arguments)))()
        kept = []
        for value, argument in zip(values, arguments, strict=False):
            if isinstance(argument, bool):
                value.type, value.value.int = _BOOL, argument
            elif isinstance(argument, int):
                value.type, value.value.int = _INT, argument
            elif isinstance(argument, str):
                kept.append(argument.encode())
                value.type, value.value.str = _RAW_STR, kept[-1]
            else:
                value.type = ctypes.c_int32.from_address(argument.address + 8).value
                value.value.ptr = argument.address
        result = _Any()
        self.check(self.ffi.TVMFFIFunctionCall(function.handle, values, len(arguments), ctypes.byref(result)))
        return self._value(result)

    def method(self, module: _Object, name: str) -> _Object:
        """Function *name* of *module*.

        Raises:
            TVMError: it has none.
        """
        found = self.call(self._global("ffi.ModuleGetFunction"), module, name, True)
        if not isinstance(found, _Object):
            raise TVMError(f"the module has no function {name}")
        return found

    def load_module(self, path: Path) -> _Object:
        """Load a shared library made by `export_library`.

        Raises:
            TVMError: it cannot be loaded.
        """
        # Not ffi.ModuleLoadFromFile, which wants a name that ends in .so.
        module = self.call(self._global("ffi.Module.load_from_file.so"), str(self._opened(path)), "so")
        assert isinstance(module, _Object)
        return module

    def tensor(self, array: NDArray[Any]) -> _BorrowedTensor:
        """A TVM tensor on the memory of *array*, which is C-contiguous and must outlive it."""
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        managed = _ManagedTensor()
        managed.tensor.data = array.ctypes.data
        managed.tensor.device.type = _DL_CPU
        managed.tensor.ndim = array.ndim
        managed.tensor.dtype = _DataType(*_DTYPES[array.dtype.name])
        managed.tensor.shape = shape
        handle = ctypes.c_void_p()
        self.check(self.ffi.TVMFFITensorFromDLPack(ctypes.byref(managed), 0, 1, ctypes.byref(handle)))
        assert handle.value is not None
        tensor = _BorrowedTensor(self.ffi, handle.value)
        tensor.kept = (array, shape, managed)
        return tensor

    def check(self, status: int) -> None:
        """Raise TVM's pending error as `TVMError` unless *status* is 0."""
        if status == 0:
            return
        handle = ctypes.c_void_p()
        self.ffi.TVMFFIErrorMoveFromRaised(ctypes.byref(handle))
        if not handle.value:
            raise TVMError(f"TVM failed with status {status} and no message")
        owner = _Object(self.ffi, handle.value)
        cell = _ErrorCell.from_address(handle.value + _HEADER)
        message = f"{cell.kind}: {cell.message}"
        del owner
        raise TVMError(message)

    def _global(self, name: str) -> _Object:
        function = self.find(name)
        if function is None:
            raise TVMError(f"the TVM runtime has no function {name}")
        return function

    def _value(self, result: _Any) -> int | str | _Object | None:
        if result.type == _NONE:
            return None
        if result.type in (_INT, _BOOL):
            return result.value.int
        if result.type == _SMALL_STR:
            return bytes(bytearray(result)[8 : 8 + result.length]).decode()
        if result.type < _FIRST_OBJECT:
            raise TVMError(f"TVM returned a value of type {result.type}, which the loader does not know")
        owner = _Object(self.ffi, result.value.ptr)
        if result.type == _STR:
            return str(_Bytes.from_address(result.value.ptr + _HEADER))
        return owner


class _BorrowedTensor(_Object):
    __slots__ = ("kept",)
    kept: tuple[object, ...]


class Module:
    """A shared library that holds a Relax virtual machine, loaded.

    Args:
        path: the library.
        runtime_dir: the folder of libtvm_ffi.so and libtvm_runtime.so. Where this process has mapped
            libraries of these names already, because it imported tvm, those are used: a second copy
            would register every global function twice. For the same reason import tvm first, if at all.
        threads: size of TVM's pool of threads; one pool serves the whole process.
        opened: what to open in place of each of these files, as `Bundle.opened`.

    Raises:
        FatalError: a library or the module cannot be loaded, or it is not such a module.
    """

    def __init__(
        self, path: Path, runtime_dir: Path, threads: int = 1, opened: Opened = Path.absolute
    ) -> None:
        self.path = path
        self.runtime = Runtime(runtime_dir, threads, opened)
        try:
            self._executable = self.runtime.load_module(path)
            machine = self.runtime.call(self.runtime.method(self._executable, "vm_load_executable"))
            assert isinstance(machine, _Object)
            self.runtime.call(self.runtime.method(machine, "vm_initialization"), *_INITIALIZATION)
            self._machine = machine
        except TVMError as error:
            raise self._unusable(error) from None

    def function(self, name: str) -> _Object:
        """The virtual machine's function *name*.

        Raises:
            FatalError: it has none.
        """
        try:
            return self.runtime.method(self._machine, name)
        except TVMError as error:
            raise self._unusable(error) from None

    def kernel(self, name: str) -> _Object:
        """The kernel *name*, which the virtual machine's functions call too.

        Raises:
            FatalError: there is none.
        """
        try:
            return self.runtime.method(self._executable, name)
        except TVMError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: TVMError) -> FatalError:
        return FatalError(str(self.path), f"cannot be loaded ({_first_line(error)})", _load_advice(error))


class Call:
    """One function on one input, made ready so that calling it takes no look-ups.

    Args:
        module: it is in.
        name: of the function, which returns one tensor.
        source: input; its memory is read at every call.
        result: float32 of the shape that the function returns; its memory is written.
    """

    def __init__(
        self,
        module: Module,
        name: str,
        source: NDArray[Any],
        result: NDArray[np.float32],
    ) -> None:
        self._module, self._name, self.source, self.result = module, name, source, result
        runtime = module.runtime
        self._function = module.function(name)
        self._tensor = runtime.tensor(source)
        self._arguments = (_Any * 1)()
        self._arguments[0].type = _TENSOR
        self._arguments[0].value.ptr = self._tensor.address
        self._any = _Any()
        self._invoke = runtime.ffi.TVMFFIFunctionCall
        self._release = runtime.ffi.TVMFFIObjectDecRef
        self._into = ctypes.c_void_p(result.ctypes.data)
        self._count = ctypes.c_int32(1)
        self._by_result = ctypes.byref(self._any)
        self._bytes = result.nbytes
        self._check_result()

    def __call__(self) -> NDArray[np.float32]:
        """Compute `result` from `source` and return it.

        Raises:
            FatalError: TVM reported an error.
        """
        result = self._any
        result.type = _NONE
        if self._invoke(self._function.handle, self._arguments, self._count, self._by_result):
            self._fail()
        pointer = result.value.ptr
        tensor = _Tensor.from_address(pointer + _HEADER)
        ctypes.memmove(self._into, tensor.data + tensor.byte_offset, self._bytes)
        self._release(ctypes.c_void_p(pointer))
        return self.result

    def _check_result(self) -> None:
        """Call once and make sure that the result may be read without looking at its description."""
        result, path = self._any, str(self._module.path)
        if self._invoke(self._function.handle, self._arguments, self._count, self._by_result):
            self._fail()
        if result.type != _TENSOR:
            raise FatalError(path, f"{self._name} returns no single tensor", "build the bundle again")
        owner = _Object(self._module.runtime.ffi, result.value.ptr)
        tensor = _Tensor.from_address(result.value.ptr + _HEADER)
        shape = tuple(tensor.shape[: tensor.ndim])
        dtype = (tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes)
        if shape != self.result.shape or dtype != _FLOAT32:
            why = (
                f"{self._name} returns {list(shape)}, and the manifest says float32 {list(self.result.shape)}"
            )
            raise FatalError(path, why, "build the bundle again")
        del owner

    def _fail(self) -> None:
        try:
            self._module.runtime.check(-1)
        except TVMError as error:
            raise FatalError("inference", _first_line(error), "build the bundle again") from None


class Kernel:
    """One kernel on arrays, made ready so that calling it takes no look-ups.

    Args:
        module: it is in.
        name: of the kernel.
        arrays: its arguments, C-contiguous; what it writes is among them. All but the first are kept.
    """

    def __init__(self, module: Module, name: str, arrays: Sequence[NDArray[Any]]) -> None:
        self._runtime, self._function = module.runtime, module.kernel(name)
        self._tensors = [module.runtime.tensor(array) for array in arrays]
        # The first may be large, and every call brings another.
        self._tensors[0].kept = self._tensors[0].kept[1:]
        self._first = first = _Tensor.from_address(self._tensors[0].address + _HEADER)
        self._of = arrays[0].shape
        places = ctypes.c_int64 * arrays[0].ndim
        self._shape = places.from_address(ctypes.addressof(first.shape.contents))
        # TVM FFI fills them in where a tensor comes without, and a kernel looks at them.
        self._strides = (
            places.from_address(ctypes.addressof(first.strides.contents)) if first.strides else None
        )
        self._arguments = (_Any * len(arrays))()
        for argument, tensor in zip(self._arguments, self._tensors, strict=True):
            argument.type, argument.value.ptr = _TENSOR, tensor.address
        self._result = _Any()
        self._by_result, self._count = ctypes.byref(self._result), ctypes.c_int32(len(arrays))
        self._invoke = module.runtime.ffi.TVMFFIFunctionCall

    def __call__(self, first: NDArray[Any]) -> None:
        """Run it with *first* in place of the first array: as many dimensions, the same dtype, C-contiguous.

        Raises:
            FatalError: TVM reported an error.
        """
        self._first.data = _address(first)
        if first.shape != self._of:
            self._of = first.shape
            self._shape[:] = list(self._of)
            if self._strides is not None:
                self._strides[:] = [step // first.itemsize for step in first.strides]
        self._result.type = _NONE
        if self._invoke(self._function.handle, self._arguments, self._count, self._by_result):
            try:
                self._runtime.check(-1)
            except TVMError as error:
                raise FatalError("a kernel", _first_line(error), "build the bundle again") from None


class Model:
    """A compiled network: one input tensor, one output tensor, both float32, both allocated once.

    Args:
        path, runtime_dir, threads, opened: of the `Module`.
        input_shape, output_shape: of its function `main`'s argument and result.

    Attributes:
        input, output: float32, overwritten by every `run`.

    Raises:
        FatalError: a library or the module cannot be loaded, or it is not such a module.
    """

    def __init__(
        self,
        path: Path,
        runtime_dir: Path,
        *,
        input_shape: Sequence[int],
        output_shape: Sequence[int],
        threads: int = 1,
        opened: Opened = Path.absolute,
    ) -> None:
        self.input: NDArray[np.float32] = aligned_empty(tuple(input_shape))
        self.input.fill(0.0)
        self.output: NDArray[np.float32] = aligned_empty(tuple(output_shape))
        self._main = Call(Module(path, runtime_dir, threads, opened), "main", self.input, self.output)

    def run(self, image: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Compute `output` from `input` and return it; the next call overwrites it.

        Args:
            image: copied to `input` first; None where the caller has written `input` itself.

        Raises:
            FatalError: TVM reported an error.
        """
        if image is not None and image is not self.input:
            np.copyto(self.input, image)
        return self._main()


def _address(array: NDArray[Any]) -> int:
    """Where *array*, which is not empty, begins; `array.ctypes` takes several times as long."""
    if array.flags.writeable:
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    return array.ctypes.data


def mapped_library(name: str, maps: str | None = None) -> Path | None:
    """The file this process has mapped a library of file name *name* from, or None.

    Args:
        maps: text in the form of /proc/self/maps; this process's own where None.
    """
    if maps is None:
        try:
            maps = Path("/proc/self/maps").read_text(errors="replace")
        except OSError:
            return None
    for line in maps.splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5].rpartition("/")[2] == name:
            return Path(fields[5])
        # A copy in memory has no path, but dlopen knows a library that is loaded by its name, too.
        if len(fields) == 6 and fields[5] == f"/memfd:{name} (deleted)":
            return Path(name)
    return None


def _load(folder: Path, name: str, opened: Opened) -> ctypes.CDLL:
    path = folder / name
    try:
        # Global, because the module finds TVM's functions through the process and names no library.
        return ctypes.CDLL(str(mapped_library(name) or opened(path)), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise FatalError(str(path), f"cannot be loaded ({_first_line(error)})", _load_advice(error)) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _load_advice(error: Exception) -> str:
    if "GLIBC_" in str(error):
        return "run the bundle's install.sh, which links the module on this board"
    return "copy the bundle to this board again"
