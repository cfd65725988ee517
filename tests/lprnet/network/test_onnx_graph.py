from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from device_runtime.errors import FatalError
from lprnet.network.alphabet import read_class_list
from lprnet.network.checkpoint import Source, load_checkpoint
from tests.published import Published, one_by_one, trained

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

ALNUM = Source(classes=read_class_list("alnum"))


def exported(model: torch.nn.Module, path: Path, channels: int = 3) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.rand(1, channels, 24, 94),), str(path), dynamo=False)
    return path


class Turned(torch.nn.Module):
    """Log-probabilities by steps, as a CTC loss takes them."""

    def __init__(self, network: Published) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(x)
        return logits.permute(2, 0, 1).log_softmax(2)


class WithAverage(Published):
    """Another network of the same weights."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = super().forward(torch.nn.functional.avg_pool2d(x, 3, 1, 1))
        return y


@pytest.mark.parametrize("kind", ["plain", "gammas", "grey", "turned"])
def test_lprnet_is_recognized(kind: str, tmp_path: Path) -> None:
    channels = 1 if kind == "grey" else 3
    model = trained(Published(37, gammas=kind == "gammas", channels=channels))
    path = exported(Turned(model).eval() if kind == "turned" else model, tmp_path / "net.bin", channels)
    images = torch.rand(2, channels, 24, 94) - 0.5
    expected = one_by_one(model, images)
    found = one_by_one(load_checkpoint(path, ALNUM).model(), images.expand(-1, 3, -1, -1))
    # The exporter has folded BatchNorms.
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_what_computes_something_else_is_refused(tmp_path: Path) -> None:
    path = exported(trained(WithAverage(37)), tmp_path / "x.onnx")
    with pytest.raises(
        FatalError, match="computes something else than LPRNet with its weights: logits differ"
    ):
        load_checkpoint(path, ALNUM)
    path = exported(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 2)), tmp_path / "y.onnx")
    with pytest.raises(FatalError, match=r"has strides \[2, 2\], LPRNet \[1, 1\]"):
        load_checkpoint(path, ALNUM)


def test_another_input_size_is_named(tmp_path: Path) -> None:
    network = torch.nn.Conv2d(3, 8, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (torch.rand(1, 3, 75, 300),), str(tmp_path / "x.onnx"), dynamo=False)
    with pytest.raises(FatalError, match=r"reads images of 300×75 .* the kernels here take 94×24"):
        load_checkpoint(tmp_path / "x.onnx", ALNUM)


def test_a_damaged_graph(tmp_path: Path) -> None:
    path = exported(trained(Published(37)), tmp_path / "x.onnx")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FatalError, match="cannot be read as ONNX"):
        load_checkpoint(path, ALNUM)
