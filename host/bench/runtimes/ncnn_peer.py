"""ncnn, converted by pnnx.

PyPI has ncnn's library and pnnx but not ncnn2table and ncnn2int8, so the int8 model is written here in the
form of the latter (`tools/quantize/ncnn2int8.cpp`): weights by output channel, activations by tensor,
convolutions that follow each other directly requantized in one step.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import ncnn
import numpy as np
from numpy.typing import NDArray

from host.bench.runtimes import ModelSource
from host.bench.runtimes.infer import Float, Infer

PARAM, BIN = "model.ncnn.param", "model.ncnn.bin"

# Keys of a Convolution layer (src/layer/convolution.cpp) and the tag of int8 weights (src/modelbin.cpp).
_OUTPUTS, _BIAS, _WEIGHTS, _INT8 = "0", "5", "6", "8"
_INT8_TAG = np.uint32(0x000D4B38).tobytes()
_INT8_SCALES, _REQUANTIZE = 2, 100


def convert(source: ModelSource, precision: str, folder: Path) -> None:
    import pnnx
    import torch

    from host.bench.runtimes.peer_model import example, peer_model

    with tempfile.TemporaryDirectory() as scratch:
        traced = Path(scratch) / "model.pt"
        torch.jit.trace(peer_model(source.checkpoint), example()).save(traced)
        shape = str(list(example().shape)).replace(" ", "")
        command = [pnnx.EXEC_PATH, traced.name, f"inputshape={shape}", "fp16=0"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"pnnx: {(done.stderr or done.stdout).strip()[-200:]}")
        for name in (PARAM, BIN):
            (folder / name).write_bytes((Path(scratch) / name).read_bytes())
    if precision == "int8":
        _quantize(source, folder)


def load(folder: Path, precision: str, threads: int) -> Infer:
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_bf16_storage = precision == "bf16"
    # Half-precision storage would not be fp32.
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.load_param(str(folder / PARAM))
    net.load_model(str(folder / BIN))

    def run(tensor: Float) -> Float:
        with net.create_extractor() as extractor:
            extractor.input("in0", ncnn.Mat(tensor[0]))
            return np.array(extractor.extract("out0")[1])[None]

    return run


@dataclass(kw_only=True)
class _Layer:
    """A line of the param file."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    values: dict[str, str]

    @staticmethod
    def parse(line: str) -> _Layer:
        kind, name, inputs, outputs, *rest = line.split()
        split, end = int(inputs), int(inputs) + int(outputs)
        values = dict(item.split("=", 1) for item in rest[end:])
        return _Layer(kind=kind, name=name, inputs=rest[:split], outputs=rest[split:end], values=values)

    def text(self) -> str:
        fields = [self.kind, self.name, str(len(self.inputs)), str(len(self.outputs))]
        return " ".join([*fields, *self.inputs, *self.outputs, *(f"{k}={v}" for k, v in self.values.items())])


def _quantize(source: ModelSource, folder: Path) -> None:
    from host.bench.runtimes.ranges import conv_ranges, weight_scales

    magic, counts, *lines = (folder / PARAM).read_text().splitlines()
    layers = [_Layer.parse(line) for line in lines]
    convolutions = [layer for layer in layers if layer.kind == "Convolution"]
    before, _ = conv_ranges(source.checkpoint, source.calibration)
    scales = {layer.name: 127 / r for layer, r in zip(convolutions, before, strict=True)}
    following = {layer.inputs[0]: layer for layer in convolutions}
    data, written = (folder / BIN).read_bytes(), bytearray()
    for layer in convolutions:
        weight, bias, data = _read_weights(layer, data)
        weight_scale = weight_scales(weight)
        quantized = np.rint(weight / weight_scale[:, None]).astype(np.int8).tobytes()
        written += _INT8_TAG + quantized + bytes(-len(quantized) % 4) + bias.tobytes()
        written += (1 / weight_scale).astype("<f4").tobytes() + np.float32(scales[layer.name]).tobytes()
        term = _INT8_SCALES
        if successor := following.get(layer.outputs[0]):
            term += _REQUANTIZE
            written += np.float32(scales[successor.name]).tobytes()
        layer.values[_INT8] = str(term)
    if data:
        raise RuntimeError(f"{len(data)} bytes of weights belong to no convolution")
    (folder / PARAM).write_text("\n".join([magic, counts, *(layer.text() for layer in layers)]) + "\n")
    (folder / BIN).write_bytes(written)


def _read_weights(layer: _Layer, data: bytes) -> tuple[Float, NDArray[np.float32], bytes]:
    """Weights [outputs, -1] and biases of a convolution at the start of *data*, and what follows them."""
    outputs, size = int(layer.values[_OUTPUTS]), int(layer.values[_WEIGHTS])
    if layer.values.get(_BIAS) != "1" or data[:4] != bytes(4):
        raise RuntimeError(f"{layer.name} has no bias or no fp32 weights")
    start, end = 4 + 4 * size, 4 + 4 * (size + outputs)
    weight = np.frombuffer(data[4:start], "<f4").reshape(outputs, -1)
    return weight, np.frombuffer(data[start:end], "<f4"), data[end:]
