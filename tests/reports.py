"""Reports as boards make them."""

from __future__ import annotations

import msgspec
import numpy as np

from device_runtime.board.describe import Board
from device_runtime.report.accuracy import Accuracy
from device_runtime.report.report import BundleId, Report, RunSettings, WarmUp
from device_runtime.timing import distribution


def made(model: str = "Raspberry Pi 5", infer_ms: float = 7.0, n: int = 200, **changes: object) -> Report:
    """A report of *n* plates, read in about *infer_ms* each; *changes* replace fields."""
    rng = np.random.default_rng(1)
    noise = 1 + 0.1 * rng.random(n)
    stages = {
        s: ms * noise
        for s, ms in (("read", 0.4), ("preprocess", 0.05), ("infer", infer_ms), ("decode", 0.08))
    }
    stages["total"] = np.sum(list(stages.values()), axis=0)
    whole = Report(
        created_at="2026-01-02T03:04:05+00:00",
        bundle=BundleId(
            manifest_sha256="a" * 64,
            created_by="lpr-edge 0.1.0",
            target="rpi5",
            display_name="Raspberry Pi 5",
            precision="fp32",
            schedule="tuned",
            checkpoint="lprnet.safetensors",
            checkpoint_sha256="b" * 64,
            tvm="0.27",
            model_bytes=2_000_000,
            model_sha256="c" * 64,
        ),
        board=Board(model=model, cpu="Cortex-A76", arch="aarch64", cores=4, governor="performance"),
        run=RunSettings(
            source="images", n=n, unreadable=0, threads=1, grammar=False, lpr_run="0.1", numpy="2", opencv="5"
        ),
        warmup=WarmUp(n=5, first_ms=8.0, p50_ms=7.0),
        stages={stage: distribution(samples.tolist()) for stage, samples in stages.items()},
        throughput=130.0,
        peak_rss_mb=70.5,
        golden_difference=1e-5,
        accuracy=Accuracy(n=n, correct=n // 2, accuracy=0.5, accuracy_without_province=0.75),
    )
    return msgspec.structs.replace(whole, **changes)


BARE = made(
    "Unknown", 3.0, 1, board=Board(), accuracy=None, peak_rss_mb=None, warmup=WarmUp(n=0),
    stages={s: distribution([1.0]) for s in ("preprocess", "infer", "decode", "total")},
)  # fmt: skip
"""One with as little in it as there can be."""
