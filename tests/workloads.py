"""Convolutions and tuning records for tests."""

from __future__ import annotations

from host.kernels.feature_map import FeatureMap
from host.kernels.registry import FLOAT32
from host.kernels.shape import ConvShape, Tile
from host.lower.tuned import Record

NEON = FLOAT32["neon"]


def conv_shape(cin: int = 16, cout: int = 32, height: int = 4, width: int = 10) -> ConvShape:
    """A 3×3 convolution in fp32, its source padded below and above."""
    source = FeatureMap(height, width + 2, cin, stored=cin, dtype="float32", pad=(1, 0))
    return ConvShape(
        kernel=(3, 3),
        source=source,
        target=FeatureMap(height, width, cout, stored=cout, dtype="float32", pad=(0, 1)),
        relu=True,
    )


def record(workload: str, tile: Tile | None = None, metric: float = 1.0) -> Record:
    """A tuning record, measured on this machine."""
    return Record(
        workload=workload,
        tile=tile or Tile(3, 2),
        metric=metric,
        default=2.0,
        unit="ns",
        runner="local",
        cpu="a CPU",
    )
