"""The runtimes there are, and what the benchmark must know of them before it loads one.

Each module has `load(folder, precision, threads)`, which returns a function from float32[1,3,24,94] to logits
float32[1,classes,18]; one that takes another layout has `as_input(tensor)`. What the benchmark converts has
`convert(source, precision, folder)`, too. Only workers import them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

OURS = "lpr-edge"
TORCH_INT8, TVM_VM = "torch-int8", "tvm"
"""Baselines for ablations: they have no `convert`, and are no peers."""
BUNDLE = "bundle"
"""Where in its folder the project's own runtime puts what is loaded."""
PEERS = ("onnxruntime", "openvino", "ncnn", "litert", "torch", "executorch")
"""What the benchmark measures the project's own runtime against."""
ARM_PEERS = ("ncnn", "litert", "onnxruntime")
"""Those with wheels for aarch64."""


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """What a model is made from; see `host.bench.protocol.Convert`."""

    checkpoint: Path
    calibration: Path
    isa: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """A runtime and what it needs.

    Attributes:
        module: where its `convert` and `load` are.
        distributions: what must be installed, by precision; the first one's version is shown.
        extra: the extra of this project that installs them.
        avx2: variables that keep it to AVX2 where cpuid cannot be intercepted; empty where it has none.
        notes: how the model was made, by precision.
    """

    module: str
    distributions: dict[str, tuple[str, ...]]
    extra: str = "peers-all"
    avx2: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those it has."""
        return tuple(self.distributions)


_ONNX = ("onnxruntime", "onnx", "onnxscript", "torch")

RUNTIMES: dict[str, Runtime] = {
    OURS: Runtime(module=f"{__name__}.ours", distributions={p: () for p in ("fp32", "int8", "bf16", "fp16")}),
    "onnxruntime": Runtime(
        module=f"{__name__}.onnxruntime_peer",
        distributions={"fp32": _ONNX, "int8": _ONNX},
        extra="peers",
        notes={"int8": "QDQ, percentile 99.99, last convolution fp32"},
    ),
    "openvino": Runtime(
        module=f"{__name__}.openvino_peer",
        distributions={
            "fp32": ("openvino", "torch"),
            "int8": ("openvino", "nncf", "torch"),
            "bf16": ("openvino", "torch"),
        },
        avx2={"ONEDNN_MAX_CPU_ISA": "AVX2"},
        notes={
            "fp32": "f32 hint",
            "int8": "NNCF defaults, f32 hint",
            "bf16": "its default on AMX and AVX512-BF16",
        },
    ),
    "ncnn": Runtime(
        module=f"{__name__}.ncnn_peer",
        distributions={p: ("ncnn", "pnnx", "torch") for p in ("fp32", "int8", "bf16")},
        notes={"int8": "percentile 99.99", "bf16": "bf16 storage"},
    ),
    "litert": Runtime(
        module=f"{__name__}.litert_peer",
        distributions={p: ("ai-edge-litert", "flatbuffers", "torch") for p in ("fp32", "int8")},
        notes={"fp32": "XNNPACK", "int8": "XNNPACK, percentile 99.99, contexts fp32"},
    ),
    "torch": Runtime(
        module=f"{__name__}.torch_peer",
        distributions={"fp32": ("torch",)},
        extra="peers",
        avx2={"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
        notes={"fp32": "eager"},
    ),
    TORCH_INT8: Runtime(module=f"{__name__}.torch_int8_peer", distributions={"int8": ("torch",)}),
    TVM_VM: Runtime(module=f"{__name__}.tvm_vm_peer", distributions={"fp32": ("apache-tvm",)}),
    "executorch": Runtime(
        module=f"{__name__}.executorch_peer",
        distributions={
            "fp32": ("executorch", "torch"),
            "int8": ("executorch", "torchao", "torch"),
        },
        extra="peers-executorch",
        notes={"fp32": "XNNPACK", "int8": "XNNPACK, PT2E static"},
    ),
}
