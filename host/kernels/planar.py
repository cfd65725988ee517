"""A map's channels apart, as a network's output is read."""

from __future__ import annotations

from tvm import tirx

from host.kernels.emit import Emitter, load
from host.kernels.feature_map import FeatureMap


def planes(symbol: str, source: FeatureMap) -> tirx.PrimFunc:
    """Kernel `(source, numbers, target float32[channels,H,W])`: numbers are the source's variables."""
    e = Emitter()
    data = source.param(e, "source")
    e.numbers(source.variables)
    target = e.param("target", (source.channels, source.height, source.width), "float32")
    with e.loop(source.channels, "c") as c, e.loop(source.height, "y") as y, e.loop(source.width, "x") as x:
        e.store(target, load(data, source.at(y, x, c)), c, y, x)
    return e.func(symbol)
