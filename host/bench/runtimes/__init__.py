"""The runtimes there are, and what the benchmark must know of them before it loads one.

Each module has `convert(source, precision, folder)` and `load(folder, precision, threads)`, which returns
a function from float32[1,3,24,94] to logits float32[1,classes,18]. Only workers import them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

OURS = "lpr-edge"


@dataclass(frozen=True)
class Source:
    """What a model is made from; see `host.bench.protocol.Convert`."""

    checkpoint: Path
    calibration: Path
    isa: str
    target: str


@dataclass(frozen=True)
class Runtime:
    """A runtime and what it needs.

    Args:
        module: where its `convert` and `load` are.
        distributions: what must be installed, by precision; the first one's version is shown.
        extra: the extra of this project that installs them.
        avx2: variables that keep it to AVX2 where cpuid cannot be intercepted; empty where it has none.
    """

    module: str
    distributions: dict[str, tuple[str, ...]]
    extra: str = "peers-all"
    avx2: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def precisions(self) -> tuple[str, ...]:
        return tuple(self.distributions)


_ONNX = ("onnx", "onnxscript", "torch")

RUNTIMES: dict[str, Runtime] = {
    OURS: Runtime("host.bench.runtimes.ours", {p: () for p in ("fp32", "int8", "bf16", "fp16")}),
    "onnxruntime": Runtime(
        "host.bench.runtimes.onnxruntime_peer",
        {"fp32": ("onnxruntime", *_ONNX), "int8": ("onnxruntime", *_ONNX)},
        extra="peers",
    ),
}

PEERS = tuple(name for name in RUNTIMES if name != OURS)
