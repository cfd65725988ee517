from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from device_runtime.errors import FatalError
from lprnet.network.archive import kind_of, read_pickle

WEIGHTS = {"a.weight": torch.ones(2, 3)}


def refused(path: Path) -> str:
    data = path.read_bytes()
    with pytest.raises(FatalError) as caught:
        if kind_of(path, data) == "pickle":
            read_pickle(path, data)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "truncated"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS's pointer"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\x89HDF\r\n\x1a\n" + bytes(20), "Keras"),
        (b"\x1c\0\0\0TFL3" + bytes(20), "TensorFlow Lite"),
        (b"# README\nnot weights at all", "neither a PyTorch checkpoint nor safetensors nor ONNX"),
        (pickle.dumps({"a": 1}, protocol=2), "a pickle that torch.save did not write"),
    ],
)
def test_what_is_no_checkpoint_is_said(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(data)
    assert message in refused(tmp_path / "x.pth")


def test_a_safetensors_file_is_one_whatever_the_length_of_its_header() -> None:
    """A length's first byte may be that of a pickle, 0x80."""
    lengths = set()
    for padding in range(300):
        data = save(WEIGHTS, {"note": "x" * padding})
        lengths.add(data[0])
        assert kind_of(Path("x"), data) == "safetensors"
    assert 0x80 in lengths


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("Final.pth", b"")
    assert "is a zip file of Final.pth – unpack" in refused(tmp_path / "x.pth")


def test_torchscript_is_said(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "x.pt"))
    assert "is TorchScript: a program with its weights – save its weights: import torch" in refused(
        tmp_path / "x.pt"
    )


def test_tables_in_tables_and_plain_values(tmp_path: Path) -> None:
    content = {"net": WEIGHTS, "best": np.float64(0.9), "runs": [{"ema": WEIGHTS}], "epoch": 3}
    torch.save(content, tmp_path / "x.pth")
    archive = read_pickle(tmp_path / "x.pth", (tmp_path / "x.pth").read_bytes())
    assert list(archive.tables) == [("net",), ("runs", "0", "ema")]


@pytest.mark.parametrize("nested", [False, True])
def test_the_script_for_pickled_code_saves_a_clean_file(nested: bool, tmp_path: Path) -> None:
    content = {"model": torch.nn.Linear(3, 2), "args": Namespace(lr=1)} if nested else torch.nn.Linear(3, 2)
    torch.save(content, tmp_path / "x.pth")
    message = refused(tmp_path / "x.pth")
    assert "holds pickled code (torch.nn.modules.linear.Linear)" in message
    script = message[message.index("import torch") :]
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
    clean = tmp_path / "x-clean.pth"
    (table,) = read_pickle(clean, clean.read_bytes()).tables.values()
    assert table.keys() == {"weight", "bias"}
