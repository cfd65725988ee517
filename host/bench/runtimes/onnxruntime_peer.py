"""ONNX Runtime; int8 is its static QDQ quantization."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from host.bench.runtimes import ModelSource
from host.bench.runtimes.infer import Infer

FILE = "model.onnx"
PERCENTILE = 99.99
"""Min-max calibration scores only 0.845–0.861 with the public checkpoint."""


def convert(source: ModelSource, precision: str, folder: Path) -> None:
    from host.bench.runtimes.peer_model import export_onnx

    if precision == "fp32":
        export_onnx(source.checkpoint, folder / FILE)
    else:
        _quantize(source, folder)


def load(folder: Path, precision: str, threads: int) -> Infer:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Some checkpoints have weights whose products are subnormal numbers, which would cost it half its speed.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    session = onnxruntime.InferenceSession(folder / FILE, options, providers=["CPUExecutionProvider"])
    return lambda tensor: session.run(None, {"image": tensor})[0]


def _quantize(source: ModelSource, folder: Path) -> None:
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from host.bench.runtimes.peer_model import export_onnx

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._rows: Iterator[NDArray[np.float32]] = iter(np.load(source.calibration))

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            row = next(self._rows, None)
            return None if row is None else {"image": row[None]}

    exported, prepared = folder / "exported.onnx", folder / "prepared.onnx"
    export_onnx(source.checkpoint, exported)
    quant_pre_process(exported, prepared)
    convolutions = [node.name for node in onnx.load(prepared).graph.node if node.op_type == "Conv"]
    quantize_static(
        prepared,
        folder / FILE,
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        # Without VNNI, u8 × s8 products are summed pairwise in saturating 16 bits.
        reduce_range=source.isa == "avx2",
        op_types_to_quantize=["Conv", "MaxPool"],
        nodes_to_exclude=convolutions[-1:],
        calibrate_method=CalibrationMethod.Percentile,
        extra_options={"CalibPercentile": PERCENTILE},
    )
    exported.unlink()
    prepared.unlink()
