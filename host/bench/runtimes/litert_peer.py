"""LiteRT (TensorFlow Lite) with its XNNPACK delegate; int8 convolutions and max pools, percentile ranges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from host.bench.runtimes import ModelSource
from host.bench.runtimes.infer import Float, Infer

FILE = "model.tflite"


def convert(source: ModelSource, precision: str, folder: Path) -> None:
    from host.bench.runtimes.litert_graph import Ranges, build
    from host.bench.runtimes.ranges import conv_ranges
    from host.network.simplify import simplify
    from lprnet.network.checkpoint import load_checkpoint

    network = simplify(load_checkpoint(source.checkpoint))
    ranges = None
    if precision == "int8":
        before, after = conv_ranges(source.checkpoint, source.calibration)
        ranges = Ranges(after[:-1], before[-1], after[-1])
    (folder / FILE).write_bytes(build(network, ranges))


def as_input(tensor: Float) -> Float:
    """Channels last, as a program for LiteRT would make its image right away; not timed."""
    return np.ascontiguousarray(tensor.transpose(0, 2, 3, 1))


def load(folder: Path, precision: str, threads: int) -> Infer:
    interpreter = Interpreter(str(folder / FILE), num_threads=threads)
    interpreter.allocate_tensors()
    image, logits = (
        d[0]["index"] for d in (interpreter.get_input_details(), interpreter.get_output_details())
    )

    def run(tensor: Float) -> Float:
        interpreter.set_tensor(image, tensor)
        interpreter.invoke()
        return interpreter.get_tensor(logits).transpose(0, 2, 1)

    return run
