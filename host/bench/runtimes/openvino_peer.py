"""OpenVINO's CPU plugin; int8 is NNCF's post-training quantization with its defaults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino

from host.bench.runtimes import ModelSource
from host.bench.runtimes.infer import Infer

FILE = "model.xml"


def convert(source: ModelSource, precision: str, folder: Path) -> None:
    from host.bench.runtimes.peer_model import example, peer_model

    image = example()
    model = openvino.convert_model(
        peer_model(source.checkpoint), example_input=image, input=[tuple(image.shape)]
    )
    if precision == "int8":
        model = _quantize(model, source)
    openvino.save_model(model, folder / FILE, compress_to_fp16=False)


def load(folder: Path, precision: str, threads: int) -> Infer:
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        # Without it, float operations run in bf16 where the CPU has that.
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # The process is confined to its CPUs already.
        "ENABLE_CPU_PINNING": False,
    }
    request = openvino.Core().compile_model(folder / FILE, "CPU", settings).create_infer_request()

    def run(tensor: np.ndarray) -> np.ndarray:
        request.infer([tensor], share_inputs=True)
        return request.get_output_tensor().data

    return run


def _quantize(model: openvino.Model, source: ModelSource) -> openvino.Model:
    import nncf

    rows = [row[None] for row in np.load(source.calibration)]
    # Without VNNI, u8 × s8 products are summed pairwise in saturating 16 bits.
    overflow = nncf.OverflowFix.ENABLE if source.isa == "avx2" else nncf.OverflowFix.FIRST_LAYER
    return nncf.quantize(
        model,
        nncf.Dataset(rows),
        subset_size=len(rows),
        advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=overflow),
    )
