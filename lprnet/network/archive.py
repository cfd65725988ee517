"""Tensors out of a file of any kind, by what is in it and not by what it is called; runs no code from it."""

from __future__ import annotations

import json
import pickle
import re
import struct
import warnings
import zipfile
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PosixPath
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from torch import Tensor

from device_runtime.errors import FatalError

Kind = Literal["safetensors", "pickle", "ONNX"]

_BEGINNINGS = {
    b"version https://git-lfs": ("is Git LFS's pointer to the file", "fetch the file itself: `git lfs pull`"),
    b"<!DOCTYPE": ("is a web page", "download the file itself"),
    b"<html": ("is a web page", "download the file itself"),
    b"\x89HDF": ("is an HDF5 file, as Keras writes them", "train LPRNet in PyTorch"),
    b"7767517": ("is an ncnn graph", "give the checkpoint that it was made of"),
    b"<?xml": ("is an OpenVINO graph", "give the checkpoint that it was made of"),
}
_DEPTH = 6
"""Tables in tables that are looked into."""
_PLAIN: list[Any] = [
    np.dtype,
    np.float64(0).__reduce__()[0],
    Namespace,
    PosixPath,
    *{type(np.dtype(t)) for t in (np.float32, np.float64, np.int32, np.int64, np.bool_)},
]
"""Plain data beside weights that is no code: numpy's numbers, as a best accuracy, options and paths."""


@dataclass(frozen=True)
class Archive:
    """Named tensors of a file.

    Attributes:
        tables: tensors by name, by where the table lies in the file's tables; `()` is the outermost one.
        metadata: the text in a safetensors header.
        in_order: whether each table is in the order in which the network was written down.
    """

    tables: dict[tuple[str, ...], dict[str, Tensor]]
    metadata: dict[str, str] = field(default_factory=dict)
    in_order: bool = True


def kind_of(path: Path, data: bytes) -> Kind:
    """What *data*, the content of the file *path*, is.

    Raises:
        FatalError: nothing that weights can be read from; it names what it is where that is known.
    """
    for beginning, (why, todo) in _BEGINNINGS.items():
        if data.startswith(beginning):
            raise FatalError(str(path), why, todo)
    if data[4:8] == b"TFL3":
        raise FatalError(str(path), "is a TensorFlow Lite model", "give the checkpoint that it was made of")
    if data[:4] == b"PK\x03\x04":
        return _kind_of_zip(path, data)
    # A length, then the header; pickles have other things than zeros where the length has them.
    if data[8:9] == b"{" and struct.unpack_from("<Q", data)[0] < 100 << 20:
        return "safetensors"
    if data[:1] == b"\x80":
        return "pickle"
    # A ModelProto begins with its IR version, field 1, a small number.
    if len(data) >= 10 and data[0] == 0x08 and data[1] < 32 and data[2] in b"\x12\x1a\x22\x28\x32\x3a\x42":
        return "ONNX"
    raise FatalError(
        str(path),
        "truncated, or neither a PyTorch checkpoint nor safetensors nor ONNX",
        "fetch the file again, or save the model's state_dict()",
    )


def _kind_of_zip(path: Path, data: bytes) -> Kind:
    try:
        names = zipfile.ZipFile(BytesIO(data)).namelist()
    except zipfile.BadZipFile:
        todo = "fetch the file again"
        raise FatalError(str(path), "truncated or not a PyTorch checkpoint", todo) from None
    parts = {part for name in names for part in name.split("/")}
    if {"constants.pkl", "code"} & parts:
        script = _script(path, f"torch.jit.load({str(path)!r}, 'cpu')", "x.state_dict()")
        raise FatalError(
            str(path), "is TorchScript: a program with its weights", f"save its weights: {script}"
        )
    if {"archive_format", "serialized_exported_program.json"} & parts:
        script = _script(path, f"torch.export.load({str(path)!r})", "dict(x.state_dict)")
        raise FatalError(str(path), "is an exported program with its weights", f"save its weights: {script}")
    if "data.pkl" not in parts:
        raise FatalError(
            str(path), f"is a zip file of {names[0] if names else 'nothing'}", "unpack the checkpoint first"
        )
    return "pickle"


def read_pickle(path: Path, data: bytes) -> Archive:
    """What `torch.save` wrote, as a zip file or before those; only tensors and plain values are read.

    Raises:
        FatalError: pickled code, a damaged file, or no tensors in it.
    """
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_PLAIN):
            # About protocols of pickle; what cannot be read is an error anyway.
            warnings.simplefilter("ignore")
            content = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _pickled_code(path, str(error)) from None
    # torch.load reports damage in whatever way its zip and pickle readers trip over it.
    except Exception as error:
        if "magic number" in str(error):
            todo = "save the weights with torch.save"
            raise FatalError(str(path), "is a pickle that torch.save did not write", todo) from None
        raise FatalError(str(path), "truncated or not a PyTorch checkpoint", "fetch the file again") from None
    tables = dict(_tables(content, ()))
    if not tables:
        raise FatalError(str(path), "not a table of named tensors", "save the model's state_dict()")
    return Archive(tables)


def read_safetensors(path: Path, data: bytes) -> Archive:
    """A safetensors file.

    Raises:
        FatalError: it is damaged.
    """
    try:
        tensors = parse_safetensors(data)
        (length,) = struct.unpack_from("<Q", data)
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    except (SafetensorError, struct.error, ValueError):
        raise FatalError(str(path), "truncated or not a safetensors file", "fetch the file again") from None
    return Archive({(): _floats(tensors)}, metadata, in_order=False)


def _tables(value: Any, where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Tensor]]]:
    """Every table in *value* that has tensors, the outer ones first."""
    if isinstance(value, list | tuple):
        value = {str(index): item for index, item in enumerate(value)}
    if not isinstance(value, Mapping) or len(where) > _DEPTH:
        return
    tensors = {str(k): v for k, v in value.items() if isinstance(v, Tensor)}
    if tensors:
        yield where, _floats(tensors)
    for key, item in value.items():
        yield from _tables(item, (*where, str(key)))


def _floats(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """In float32 where they are of any floating point type."""
    return {k: v.detach().float() if v.is_floating_point() else v.detach() for k, v in tensors.items()}


def _pickled_code(path: Path, message: str) -> FatalError:
    found = re.search(r"GLOBAL ([\w.]+)", message)
    what = f" ({found[1]})" if found else ""
    keep = (
        "{k: v for k, v in ((k, v.state_dict() if hasattr(v, 'state_dict') else v) for k, v in "
        "(x if isinstance(x, dict) else {'net': x}).items()) if torch.is_tensor(v) "
        "or isinstance(v, dict) and all(map(torch.is_tensor, v.values()))}"
    )
    load = f"torch.load({str(path)!r}, 'cpu', weights_only=False)"
    return FatalError(
        str(path),
        f"holds pickled code{what}, or is damaged",
        f"if you trust it, save a clean file beside its code: {_script(path, load, keep)}",
    )


def _script(path: Path, load: str, keep: str) -> str:
    """Two statements of Python that write what can be imported."""
    return f"import torch; x = {load}; torch.save({keep}, {str(path.with_suffix('')) + '-clean.pth'!r})"
