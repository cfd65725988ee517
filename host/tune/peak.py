"""The most multiply-accumulates a core makes: a loop of nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from tvm import tirx

from host.kernels.emit import Emitter, load
from host.kernels.microkernel import MicroKernel

TILES = ((4, 2), (3, 3), (4, 3), (6, 2))
"""Pixels and vectors: enough sums to hide an instruction's latency, few enough to stay in registers."""
WEIGHTS, REPEATS = 32, 2048
"""Weight vectors that a sum is multiplied with in turn, and how often all of them are."""


@dataclass(frozen=True)
class Peak:
    """A kernel `(source, weight, bias, target)` that makes `macs` multiply-accumulates a call."""

    kernel: tirx.PrimFunc
    macs: int


def peak_kernels(microkernel: MicroKernel, prefix: str) -> list[Peak]:
    """Candidates for the fastest loop of *microkernel*'s multiply-accumulates, symbols begin with *prefix*.

    Activations and sums stay in registers. Weights come from the level-one cache, few for every product: were
    they loop-invariant, LLVM would make the product of a float once and only add it.
    """
    return [_kernel(microkernel, f"{prefix}{i}", *tile) for i, tile in enumerate(TILES)]


def _kernel(microkernel: MicroKernel, symbol: str, pixels: int, vectors: int) -> Peak:
    e = Emitter()
    lanes, size = microkernel.lanes, microkernel.lanes * microkernel.group
    source = e.param("source", pixels * microkernel.channels_per_load, microkernel.activation)
    packed = e.param("weight", WEIGHTS * vectors * size, microkernel.weight)
    bias = e.param("bias", vectors * lanes, microkernel.accumulator)
    target = e.param("target", pixels * vectors * lanes, microkernel.accumulator)
    sums = [
        [e.local("sums", lanes, microkernel.accumulator) for _ in range(microkernel.partial_sums)]
        for _ in range(pixels * vectors)
    ]
    for i, parts in enumerate(sums):
        for part, value in zip(parts, microkernel.initial_sums(e, bias, i % vectors * lanes), strict=True):
            e.store_vector(part, value, 0, lanes)
    activations = [
        microkernel.activations(e, source, p * microkernel.channels_per_load)[0] for p in range(pixels)
    ]
    with e.loop(REPEATS), e.loop(WEIGHTS, "k") as k:
        for part in range(microkernel.partial_sums):
            weights = [microkernel.weights(e, packed, (k * vectors + v) * size, part) for v in range(vectors)]
            totals = [parts[part] for parts in sums]
            values = microkernel.accumulate(e, [load(t, 0, lanes) for t in totals], activations, weights)
            for total, value in zip(totals, values, strict=True):
                e.store_vector(total, value, 0, lanes)
    for i, parts in enumerate(sums):
        value = microkernel.reduce_sums([load(part, 0, lanes) for part in parts], bias, i % vectors * lanes)
        e.store_vector(target, value, i * lanes, lanes)
    return Peak(e.func(symbol), REPEATS * WEIGHTS * pixels * vectors * size)
