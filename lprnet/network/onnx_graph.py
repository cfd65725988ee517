"""LPRNet out of an ONNX graph, which is recognized by what it computes.

The convolutions' weights are read in order, as from a state dict. Then the graph itself is run on noise, and
its logits have to be those of LPRNet with these weights: that covers pools, contexts and everything else that
could be different.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from device_runtime.errors import FatalError
from device_runtime.read.preprocess import DEFAULT
from lprnet.network.archive import Archive

_TODO = "only the graph of LPRNet as published, of any widths, can be imported"
_TOLERANCE = {np.dtype(np.float32): 1e-4, np.dtype(np.float16): 2e-2}
"""Of logits, by the largest of them."""


@dataclass(frozen=True, eq=False)
class OnnxGraph:
    """A graph of somebody's network.

    Attributes:
        path: its file, for messages and for weights that lie beside it.
        archive: its layers in order, as a table of tensors.
        external: the weights that lie in files of their own, as bytes.
        batch, channels: of its input.
        dtype: of its input.
    """

    path: Path
    archive: Archive
    external: bytes
    batch: int
    channels: int
    dtype: np.dtype[Any]


def read_onnx(path: Path) -> OnnxGraph:
    """The convolutions and BatchNorms of the ONNX file *path*.

    Raises:
        FatalError: onnx is not installed, the file is damaged, or another kind of network than LPRNet.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError:
        raise FatalError("onnx", "not installed", "run `pip install onnx onnxruntime`") from None
    try:
        model = onnx.load(str(path))
        given = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    # Whatever its parser and its reader of files trip over.
    except Exception as error:
        why = f"cannot be read as ONNX ({type(error).__name__})"
        raise FatalError(str(path), why, "fetch it again, with the .data file beside it") from None
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            given[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Identity" and node.input[0] in given:
            given[node.output[0]] = given[node.input[0]]
    kinds = {node.op_type for node in model.graph.node}
    if quantized := sorted(k for k in kinds if "Quant" in k or k.endswith("Integer")):
        raise FatalError(str(path), f"is quantized ({quantized[0]})", "give the network before that")
    batch, channels, dtype = _input(path, model.graph, given)
    external = [t.name for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    # onnx.load has read them, and forgets where they were.
    beside = b"".join(given[name].tobytes() for name in external) if external else b""
    tensors = dict(_layers(path, model.graph.node, given))
    return OnnxGraph(path, Archive({(): tensors}), beside, batch, channels, dtype)


def check_same(graph: OnnxGraph, model: torch.nn.Module) -> None:
    """Run *graph* and *model* on the same noise.

    Raises:
        FatalError: their logits differ, or the graph does not run.
    """
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (1, graph.channels, DEFAULT.height, DEFAULT.width))
    image = ((levels - DEFAULT.mean) * DEFAULT.scale).astype(np.float32)
    ours = model(torch.from_numpy(image).expand(1, 3, -1, -1))[0].detach().numpy()
    # Copies of one image have its mean, whether contexts are divided by that of a sample or of the batch.
    theirs = _run(graph, np.repeat(image, graph.batch, 0).astype(graph.dtype))
    found = _aligned(theirs, ours.shape, graph.batch)
    if found is None:
        shape = "×".join(map(str, theirs.shape))
        steps = "×".join(map(str, ours.shape))
        raise FatalError(str(graph.path), f"its graph gives {shape} numbers, LPRNet {steps}", _TODO)
    limit = _TOLERANCE[graph.dtype] * max(1.0, float(np.abs(ours).max()))
    worst = min(float(np.abs(found - one).max()) for one in _with_softmax(ours))
    if not worst <= limit:
        how = f"its graph computes something else than LPRNet with its weights: logits differ by {worst:.3g}"
        raise FatalError(str(graph.path), how, _TODO)


def _input(path: Path, graph: Any, given: dict[str, NDArray[Any]]) -> tuple[int, int, np.dtype[Any]]:
    """Batch, channels and type of the one input."""
    from onnx import helper

    inputs = [value for value in graph.input if value.name not in given]
    if len(inputs) != 1:
        raise FatalError(str(path), f"its graph has {len(inputs)} inputs, LPRNet one", _TODO)
    tensor = inputs[0].type.tensor_type
    dims = [dim.dim_value for dim in tensor.shape.dim]
    if len(dims) != 4:
        raise FatalError(str(path), f"its graph reads {len(dims)} dimensions, LPRNet 4", _TODO)
    batch, channels, height, width = dims
    if (height or DEFAULT.height, width or DEFAULT.width) != (DEFAULT.height, DEFAULT.width):
        todo = f"the kernels here take {DEFAULT.width}×{DEFAULT.height}: export it for that size"
        raise FatalError(str(path), f"its graph reads images of {width}×{height} in channels first", todo)
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    if dtype not in _TOLERANCE:
        raise FatalError(
            str(path), f"its graph reads {dtype}, and prepares it itself", "export it without that"
        )
    return batch or 1, channels or 3, dtype


def _layers(path: Path, nodes: Any, given: dict[str, NDArray[Any]]) -> Iterator[tuple[str, Tensor]]:
    """Tensors of all layers, named so that their order is that of the graph."""
    number = itertools.count()
    for node in nodes:
        parts: tuple[str, ...]
        weights = [given[name] for name in node.input[1:] if name in given]
        if node.op_type == "Conv":
            _check_conv(path, node)
            if len(weights) != len(node.input) - 1:
                raise FatalError(str(path), f"the weights of its {node.name or 'Conv'} are computed", _TODO)
            name, parts = f"conv{next(number)}", ("weight", "bias")
        elif node.op_type == "BatchNormalization":
            name, parts = f"norm{next(number)}", ("weight", "bias", "running_mean", "running_var")
        elif node.op_type in ("Mul", "Add"):
            constants = [given[i] for i in node.input if i in given and given[i].size > 1]
            if len(constants) == 1 and constants[0].dtype.kind == "f":
                kind = "scale" if node.op_type == "Mul" else "shift"
                yield f"{kind}{next(number)}", _tensor(constants[0])
            continue
        elif node.op_type in ("Gemm", "LSTM", "GRU", "GridSample", "ConvTranspose"):
            raise FatalError(str(path), f"its graph has a {node.op_type}, LPRNet none", _TODO)
        else:
            continue
        for part, value in zip(parts, weights, strict=False):
            yield f"{name}.{part}", _tensor(value)


def _tensor(value: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(value, np.float32))


def _check_conv(path: Path, node: Any) -> None:
    for attribute in node.attribute:
        plain = {"group": [1], "strides": [1, 1], "dilations": [1, 1]}.get(attribute.name)
        value = list(attribute.ints) or [attribute.i]
        if plain is not None and value != plain:
            what = f"its {node.name or 'Conv'} has {attribute.name} {value}, LPRNet {plain}"
            raise FatalError(str(path), what, _TODO)


def _run(graph: OnnxGraph, inputs: NDArray[Any]) -> NDArray[np.float32]:
    try:
        try:
            import onnxruntime
        except ImportError:
            from onnx.reference import ReferenceEvaluator

            evaluator = ReferenceEvaluator(str(graph.path))
            return np.asarray(evaluator.run(None, {evaluator.input_names[0]: inputs})[0], np.float32)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(str(graph.path), options, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, {session.get_inputs()[0].name: inputs})[0], np.float32)
    except Exception as error:
        why = f"its graph does not run ({' '.join(str(error).split())[:120]})"
        raise FatalError(str(graph.path), why, "export it again") from None


def _aligned(theirs: NDArray[np.float32], shape: tuple[int, ...], batch: int) -> NDArray[np.float32] | None:
    """The first sample's logits as [classes, steps], from any order of these; None if there are others."""
    for order in itertools.permutations(range(theirs.ndim)):
        moved = theirs.transpose(order)
        if moved.shape[-2:] == shape and moved.size == batch * shape[0] * shape[1]:
            return moved.reshape(-1, *shape)[0]
    return None


def _with_softmax(logits: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Logits, and what a last layer of softmax or its logarithm makes of them."""
    shifted = logits - logits.max(axis=0)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=0))
    yield from (logits, log_softmax, np.exp(log_softmax))
