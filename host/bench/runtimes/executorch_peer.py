"""ExecuTorch with its XNNPACK back end; int8 is PT2E static quantization."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from executorch.extension.pybindings import portable_lib
from executorch.runtime import Runtime

from host.bench.runtimes import ModelSource
from host.bench.runtimes.infer import Float, Infer

FILE = "model.pte"
CALIBRATION_IMAGES = 64
"""Its observers take seconds for each."""


def convert(source: ModelSource, precision: str, folder: Path) -> None:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    from host.bench.runtimes.peer_model import example, peer_model

    model: torch.nn.Module = peer_model(source.checkpoint)
    if precision == "int8":
        model = _quantize(model, source)
    program = to_edge_transform_and_lower(
        torch.export.export(model, (example(),)), partitioner=[XnnpackPartitioner()]
    ).to_executorch()
    (folder / FILE).write_bytes(program.buffer)


def load(folder: Path, precision: str, threads: int) -> Infer:
    portable_lib._unsafe_reset_threadpool(threads)
    method = Runtime.get().load_program(folder / FILE).load_method("forward")

    def run(tensor: Float) -> Float:
        return method.execute([torch.from_numpy(tensor)])[0].numpy()

    return run


def _quantize(model: torch.nn.Module, source: ModelSource) -> torch.nn.Module:
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    from host.bench.runtimes.peer_model import example

    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(torch.export.export(model, (example(),)).module(), quantizer)
    images = np.load(source.calibration)
    for row in images[:: -(-len(images) // CALIBRATION_IMAGES)]:
        prepared(torch.from_numpy(row[None]))
    return convert_pt2e(prepared)
