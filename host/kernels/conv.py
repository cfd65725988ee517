"""Direct convolution: an outer product of pixels and output channels, kept in registers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tvm import tirx

from host.kernels.emit import Emitter, Expr, const, load
from host.kernels.family import Family
from host.kernels.feature_map import FeatureMap
from host.kernels.int8 import Int8


@dataclass(frozen=True)
class Tile:
    """Register tile of a convolution: what the tuner searches.

    Attributes:
        pixels: output pixels of a row computed together (MR).
        vectors: vectors of output channels computed together (NR).
        unroll: reduction steps written out in the innermost loop.
        pixels_inner: walk the pixels of a row for one tile of channels before the next, else the reverse.
    """

    pixels: int
    vectors: int
    unroll: int = 1
    pixels_inner: bool = True


@dataclass(frozen=True)
class ConvShape:
    """What a convolution kernel is generated from."""

    kernel: tuple[int, int]
    source: FeatureMap
    target: FeatureMap
    relu: bool

    def vectors(self, family: Family) -> int:
        return self.target.stored // family.lanes

    def reduction(self, family: Family) -> int:
        """Input channels that are multiplied, zeros from rounding up included."""
        step = self.step(family)
        return -(-self.source.channels // step) * step

    def step(self, family: Family) -> int:
        """Input channels fetched together; the channels of a planar image are far apart."""
        return 1 if self.source.planar else family.step

    def runs(self, family: Family) -> tuple[int, int]:
        """How one row of the kernel is read: runs of steps that lie end to end in memory, steps in each.

        Pixels without unused channels between them are one run.
        """
        steps, columns = self.reduction(family) // self.step(family), self.kernel[1]
        joined = not self.source.planar and self.source.pixel == self.reduction(family)
        return (1, columns * steps) if joined else (columns, steps)


def pack_weight(
    weight: NDArray[np.generic], shape: ConvShape, family: Family, tile: Tile
) -> NDArray[np.generic]:
    """Weights in the order the kernel reads them.

    Args:
        weight: [out, in, kh, kw].

    Returns:
        Flat `[tile of channels][kh][kw][in / group][vector of the tile][lane][group]`, zero where padded.
    """
    out, cin, kh, kw = weight.shape
    full = np.zeros((shape.target.stored, shape.reduction(family), kh, kw), weight.dtype)
    full[:out, :cin] = weight
    lanes, group = family.lanes, family.group
    # [vector, lane, in/group, group, kh, kw] → [vector, kh, kw, in/group, lane, group]
    blocks = full.reshape(-1, lanes, full.shape[1] // group, group, kh, kw).transpose(0, 4, 5, 2, 1, 3)
    vectors = family.arrange(blocks)
    tiles = []
    for start in range(0, len(vectors), tile.vectors):
        part = vectors[start : start + tile.vectors]
        tiles.append(part.transpose(1, 2, 3, 0, 4).reshape(-1))
    return np.ascontiguousarray(np.concatenate(tiles))


def pack_bias(bias: NDArray[np.generic], shape: ConvShape) -> NDArray[np.generic]:
    """[out] padded with zeros to the stored channels."""
    return np.pad(bias, (0, shape.target.stored - len(bias)))


def conv(symbol: str, shape: ConvShape, family: Family, tile: Tile) -> tirx.PrimFunc:
    """Kernel `(source, weight, bias, target)`; writes every element of *target*, its border included.

    A `scaled` family's kernel is `(source, weight, bias, multiplier, target)`: sums times multiplier,
    float32[stored channels], are the target's values.
    """
    e = Emitter()
    source, target = shape.source, shape.target
    kh, kw = shape.kernel
    reduction = kh * kw * shape.reduction(family)
    data = source.param(e, "source")
    weight = e.param("weight", target.stored * reduction, family.weight)
    bias = e.param("bias", target.stored, family.accumulator)
    multiplier = e.param("multiplier", target.stored, "float32") if family.scaled else None
    result = target.param(e, "target")
    vectors, columns = shape.vectors(family), tile.vectors

    def compute(y: Expr, x: Expr, pixels: int, channel_tile: Expr, width: int) -> None:
        first = channel_tile * (columns * family.lanes)
        sums = _accumulators(e, bias, first, pixels, width, family)
        packed = channel_tile * (columns * family.lanes * reduction)
        _reduce(e, shape, family, tile, data, weight, sums, (y, x, pixels), (packed, width))
        for p in range(pixels):
            values = [load(total, 0, family.lanes) for total in sums[p * width : (p + 1) * width]]
            _finish(e, shape, family, values, first, multiplier, result, target.at(y, x + p, first))

    def channels(y: Expr, x: Expr, pixels: int) -> None:
        full, rest = divmod(vectors, columns)
        if full:
            with e.loop(full, "n") as n:
                compute(y, x, pixels, n, columns)
        if rest:
            compute(y, x, pixels, full, rest)

    def pixels(y: Expr, channel_tile: Expr, width: int) -> None:
        full, rest = divmod(target.width, tile.pixels)
        if full:
            with e.loop(full, "m") as m:
                compute(y, m * tile.pixels, tile.pixels, channel_tile, width)
        if rest:
            compute(y, full * tile.pixels, rest, channel_tile, width)

    target.clear_border(e, result)
    with e.loop(target.height, "y", parallel=True) as y:
        if tile.pixels_inner:
            full, rest = divmod(vectors, columns)
            if full:
                with e.loop(full, "n") as n:
                    pixels(y, n, columns)
            if rest:
                pixels(y, full, rest)
        else:
            full, rest = divmod(target.width, tile.pixels)
            if full:
                with e.loop(full, "m") as m:
                    channels(y, m * tile.pixels, tile.pixels)
            if rest:
                channels(y, full * tile.pixels, rest)
    return e.func(symbol)


def _accumulators(e: Emitter, bias: Expr, first: Expr, pixels: int, width: int, family: Family) -> list[Expr]:
    """A register tile, a vector each, by pixel and vector; every pixel begins with the bias."""
    lanes = family.lanes
    sums = [e.local("sums", lanes, family.accumulator) for _ in range(pixels * width)]
    for v in range(width):
        start = e.let("b", load(bias, first + v * lanes, lanes))
        for p in range(pixels):
            e.store_vector(sums[p * width + v], start, 0, lanes)
    return sums


def _reduce(
    e: Emitter,
    shape: ConvShape,
    family: Family,
    tile: Tile,
    data: Expr,
    weight: Expr,
    sums: list[Expr],
    place: tuple[Expr, Expr, int],
    packed: tuple[Expr, int],
) -> None:
    """Add all products of *place* = (y, x, pixels) and *packed* = (first weight, vectors) to *sums*."""
    (y, x, pixels), (first, width) = place, packed
    source, lanes, step = shape.source, family.lanes, shape.step(family)
    pad_h, pad_w = source.pad
    per_step = width * lanes * step
    runs, steps = shape.runs(family)
    unroll = tile.unroll if steps % tile.unroll == 0 else 1
    with e.loop(shape.kernel[0], "r") as r, e.loop(runs, "s") as s, e.loop(steps // unroll, "k") as outer:
        for inner in range(unroll):
            k = outer * unroll + inner
            if source.planar:
                pixel_values = [[v] for v in family.planar_activations(e, data, k, y + r, x + s, pixels)]
            else:
                pixel_values = [
                    family.activations(e, data, source.at(y + r - pad_h, x + p + s - pad_w, k * step))
                    for p in range(pixels)
                ]
            base = first + ((r * runs + s) * steps + k) * per_step
            for q in range(step // family.group):
                vectors = [
                    family.weights(e, weight, base + (q * width + v) * lanes * family.group)
                    for v in range(width)
                ]
                for p in range(pixels):
                    for v in range(width):
                        total = sums[p * width + v]
                        value = family.multiply_add(load(total, 0, lanes), pixel_values[p][q], vectors[v])
                        e.store_vector(total, value, 0, lanes)


def _finish(
    e: Emitter,
    shape: ConvShape,
    family: Family,
    sums: list[Expr],
    first: Expr,
    multiplier: Expr | None,
    result: Expr,
    place: Expr,
) -> None:
    """Write one pixel's *sums*, channels from *first* on, to *result* from *place* on."""
    lanes, values = family.lanes, sums
    if multiplier is not None:
        real = "float32" if lanes == 1 else f"float32x{lanes}"
        # Casting float32 to float32 is nothing.
        values = [
            tirx.Cast(real, total) * load(multiplier, first + v * lanes, lanes)
            for v, total in enumerate(sums)
        ]
    if isinstance(family, Int8) and shape.target.dtype != "float32":
        # The clamp to activations is a ReLU.
        for v in range(0, len(values), 4):
            part = values[v : v + 4]
            e.store_vector(result, family.narrow(part), place + v * lanes, lanes * len(part))
        return
    for v, value in enumerate(values):
        if shape.relu:
            value = tirx.max(value, const(0, "float32", lanes))
        e.store_vector(result, value, place + v * lanes, lanes)


def default_tile(shape: ConvShape, family: Family) -> Tile:
    """A tile that fills the register file: the choice where nothing was tuned.

    Maximizes products per load, pixels·vectors / (pixels + vectors), weighed by how evenly the tile divides
    the map.
    """
    total, width = shape.vectors(family), shape.target.width

    def score(tile: Tile) -> float:
        pixels, vectors = tile.pixels, tile.vectors
        even = width / (-(-width // pixels) * pixels) * total / (-(-total // vectors) * vectors)
        return even * pixels * vectors / (pixels + vectors)

    candidates = [
        Tile(pixels, vectors)
        for vectors in range(1, min(total, 8) + 1)
        for pixels in range(1, min(width, 16) + 1)
        if family.occupied(pixels, vectors) <= family.registers
    ]
    return max(candidates, key=score)
