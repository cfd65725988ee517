"""Direct convolution: an outer product of pixels and output channels, kept in registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import tirx

from host.kernels import bfloat16, neon
from host.kernels.emit import Emitter, Expr, address, cast, concat, const, load, reinterpret, shuffle
from host.kernels.family import Family
from host.kernels.feature_map import BITS, FeatureMap
from host.kernels.int8 import Int8
from host.kernels.winograd import pays, transform_weight, winograd

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Tile:
    """Register tile of a convolution: what the tuner searches.

    Attributes:
        pixels: output pixels of a row computed together (MR).
        vectors: vectors of output channels computed together (NR).
        unroll: reduction steps written out in the innermost loop.
        pixels_inner: walk the pixels of a row for one tile of channels before the next, else the reverse.
        winograd: outputs m made together by Winograd's F(m, 3), or 0 for direct convolution; a pixel of the
            tile is then m pixels of the map. See `host.kernels.winograd`.
    """

    pixels: int
    vectors: int
    unroll: int = 1
    pixels_inner: bool = True
    winograd: int = 0


@dataclass(frozen=True)
class ConvShape:
    """What a convolution kernel is generated from.

    Attributes:
        fused: sums begin at `MAGIC_BITS` and are rounded by a fused multiply-add (see `Rounding`).
    """

    kernel: tuple[int, int]
    source: FeatureMap
    target: FeatureMap
    relu: bool
    fused: bool = False

    def vectors(self, family: Family) -> int:
        return self.target.stored // family.lanes

    def positions(self, winograd: int) -> int:
        """Pixels of a tile in a row of the target; where *winograd*, one is that many pixels of the map."""
        return -(-self.target.width // winograd) if winograd and self.kernel[0] == 1 else self.target.width

    def last(self, family: Family, tile: Tile) -> Family:
        """The family of the last vector: half as wide where the other half would only be stored empty.

        Quantized maps are written whole vectors at a time, and Winograd's transforms compute them.
        """
        half, target = family.half, self.target
        if half is None or tile.winograd or target.dtype != "float32":
            return family
        return half if target.stored - target.channels >= family.lanes - half.lanes else family

    def reduction(self, family: Family) -> int:
        """Input channels that are multiplied, zeros from rounding up included."""
        group = 1 if self.source.planar else family.fitting(self.source).group
        return -(-self.source.channels // group) * group

    def step(self, family: Family) -> int:
        """Input channels fetched together; the channels of a planar image are far apart."""
        return 1 if self.source.planar else family.fitting(self.source).step

    def runs(self, family: Family) -> tuple[int, int, int]:
        """How one row of the kernel is read: runs of channels that lie end to end in memory.

        Their number, the whole steps in each, and the channels after those. Pixels without unused channels
        between them are one run.
        """
        reduction, columns = self.reduction(family), self.kernel[1]
        joined = not self.source.planar and self.source.pixel == reduction
        runs, length = (1, columns * reduction) if joined else (columns, reduction)
        return runs, *divmod(length, self.step(family))


def pack_weight(
    weight: NDArray[np.generic], shape: ConvShape, family: Family, tile: Tile
) -> NDArray[np.generic]:
    """Weights in the order the kernel reads them.

    Args:
        weight: [out, in, kh, kw].

    Returns:
        Flat `[tile of channels][kh][kw][in / group][vector of the tile][lane][group]`, zero where padded;
        the last vector has the lanes of `ConvShape.last`.
    """
    unused = (family.lanes - shape.last(family, tile).lanes) * family.fitting(shape.source).group
    if tile.winograd:
        weight = transform_weight(weight, tile.winograd)
    out, cin, kh, kw = weight.shape
    full = np.zeros((shape.target.stored, shape.reduction(family), kh, kw), weight.dtype)
    full[:out, :cin] = weight
    full = full[_channel_order(shape, family, tile)]
    family = family.fitting(shape.source)
    lanes, group = family.lanes, family.group
    # [vector, lane, in/group, group, kh, kw] → [vector, kh, kw, in/group, lane, group]
    blocks = full.reshape(-1, lanes, full.shape[1] // group, group, kh, kw).transpose(0, 4, 5, 2, 1, 3)
    vectors = family.arrange(blocks)
    tiles = []
    for start in range(0, len(vectors), tile.vectors):
        part = vectors[start : start + tile.vectors]
        steps = part.transpose(1, 2, 3, 0, 4).reshape(*part.shape[1:4], -1)
        if start + tile.vectors >= len(vectors):
            steps = steps[..., : steps.shape[-1] - unused]
        tiles.append(steps.reshape(-1))
    return np.ascontiguousarray(np.concatenate(tiles))


def pack_vector(values: NDArray[Scalar], shape: ConvShape, family: Family, tile: Tile) -> NDArray[Scalar]:
    """A number per output channel, [out], in the order of `pack_weight`, zeros for channels only stored."""
    padded = np.pad(values, (0, shape.target.stored - len(values)))
    return padded[_channel_order(shape, family, tile)]


def _channel_order(shape: ConvShape, family: Family, tile: Tile) -> NDArray[np.intp]:
    """The output channel of every lane of every vector, so that packing sums to bytes sorts them."""
    order = np.arange(shape.target.stored).reshape(-1, family.lanes)
    if isinstance(family, Int8) and shape.fused:
        for start in range(0, len(order), tile.vectors):
            width = min(tile.vectors, len(order) - start)
            for v in range(start, start + width, 4):
                part = order[v : min(v + 4, start + width)]
                part[:] = family.packed_order(len(part)) + v * family.lanes
    return order.ravel()


def conv(symbol: str, shape: ConvShape, family: Family, tile: Tile) -> tirx.PrimFunc:
    """Kernel `(source, weight, bias, target)`; writes every element of *target*, its border included.

    A `scaled` family's kernel is `(source, weight, bias, multiplier, target)`: sums times multiplier,
    float32[stored channels], are the target's values. A `fused` shape's is `(source, weight, bias,
    multiplier, addend, target)`, its biases `MAGIC_BITS` more.
    """
    e = Emitter()
    source, target = shape.source, shape.target
    family = family.fitting(source)
    taps = tile.winograd + 2 if tile.winograd else shape.kernel[0] * shape.kernel[1]
    reduction = taps * shape.reduction(family)
    data = source.param(e, "source")
    last = shape.last(family, tile)
    weight = e.param("weight", (target.stored - family.lanes + last.lanes) * reduction, family.weight)
    bias = e.param("bias", target.stored, family.accumulator)
    scaling = [
        e.param(name, target.stored, "float32")
        for name, wanted in (("multiplier", family.scaled), ("addend", shape.fused))
        if wanted
    ]
    result = target.param(e, "target")
    vectors, columns = shape.vectors(family), tile.vectors

    # The last tile is apart from the others where its last vector is.
    full_tiles, rest_vectors = divmod(vectors, columns)
    if last is not family and not rest_vectors:
        full_tiles, rest_vectors = full_tiles - 1, columns

    def compute(y: Expr, x: Expr, pixels: int, channel_tile: Expr, families: list[Family]) -> None:
        width = len(families)
        first = channel_tile * (columns * family.lanes)
        packed = channel_tile * (columns * family.lanes * reduction)
        sums = [
            [e.local("sums", f.lanes, f.accumulator) for _ in range(f.spread)]
            for _ in range(pixels)
            for f in families
        ]
        path = _path(shape, family, tile.unroll)
        if family.product and path and neon.fits(pixels, width, path):
            name, text = neon.tile(family.product, pixels, width, path)
            e.include(text)
            pad_h, pad_w = source.pad
            operands = [
                address(data, source.at(y - pad_h, x - pad_w)), address(weight, packed), address(bias, first)
            ]  # fmt: skip
            e.call(name, *operands, *(address(total) for (total,) in sums))
        else:
            _begin(e, bias, first, pixels, families, sums)
            _reduce(e, shape, family, tile, data, weight, sums, (y, x, pixels), (packed, families))
        rows = []
        for p in range(pixels):
            values = []
            for v, parts in enumerate(sums[p * width : (p + 1) * width]):
                loaded = [load(part, 0, families[v].lanes) for part in parts]
                values.append(families[v].complete(loaded, bias, first + v * family.lanes))
            rows.append((values, target.at(y, x + p, first)))
        _finish(e, shape, family, rows, first, scaling, result)

    def tiles(body: Callable[[Expr, list[Family]], None]) -> None:
        """Emit *body* for every tile of channels and the families of its vectors."""
        if full_tiles:
            with e.loop(full_tiles, "n") as n:
                body(n, [family] * columns)
        if rest_vectors:
            body(full_tiles, [family] * (rest_vectors - 1) + [last])

    def pixels(y: Expr, channel_tile: Expr, families: list[Family]) -> None:
        full, rest = divmod(target.width, tile.pixels)
        if full:
            with e.loop(full, "m") as m:
                compute(y, m * tile.pixels, tile.pixels, channel_tile, families)
        if rest:
            compute(y, full * tile.pixels, rest, channel_tile, families)

    target.clear_border(e, result)
    if tile.winograd:
        winograd(e, shape, family, tile, data, weight, bias, result)
        return e.func(symbol)
    with e.loop(target.height, "y", parallel=True) as y:
        if tile.pixels_inner:
            tiles(lambda n, families: pixels(y, n, families))
        else:
            full, rest = divmod(target.width, tile.pixels)
            if full:
                with e.loop(full, "m") as m:
                    tiles(lambda n, families: compute(y, m * tile.pixels, tile.pixels, n, families))
            if rest:
                tiles(lambda n, families: compute(y, full * tile.pixels, rest, n, families))
    return e.func(symbol)


def _path(shape: ConvShape, family: Family, unroll: int) -> neon.Path | None:
    """How a tile in assembly reads the source; a planar image it cannot."""
    source = shape.source
    if source.planar:
        return None
    size = source.bits // 8
    runs, steps, rest = shape.runs(family)
    return neon.Path(
        pixel=source.pixel * size,
        row=source.row * size,
        run=source.pixel * size,
        rows=shape.kernel[0],
        runs=runs,
        steps=steps,
        rest=rest // family.group,
        unroll=unroll if steps % unroll == 0 else 1,
    )


def _rows(shape: ConvShape, y: Expr) -> tuple[Expr, Expr]:
    """First and number of the kernel's rows that meet more than border at row *y* of the target.

    All of them where the border is not zeros in memory: sums then begin at what takes that into account.
    """
    rows, pad, source = shape.kernel[0], shape.source.pad[0], shape.source
    if not pad or source.zero:
        return 0, rows
    top = tirx.max(pad - y, 0)
    return top, tirx.min(source.height + pad - y, rows) - top


def _begin(
    e: Emitter, bias: Expr, first: Expr, pixels: int, families: list[Family], sums: list[list[Expr]]
) -> None:
    """Set the sums of a register tile, by pixel and vector, to what they begin with."""
    width = len(families)
    for v, family in enumerate(families):
        start = family.begin(e, bias, first + v * families[0].lanes)
        for p in range(pixels):
            for part, value in zip(sums[p * width + v], start, strict=True):
                e.store_vector(part, value, 0, family.lanes)


def _reduce(
    e: Emitter,
    shape: ConvShape,
    family: Family,
    tile: Tile,
    data: Expr,
    weight: Expr,
    sums: list[list[Expr]],
    place: tuple[Expr, Expr, int],
    packed: tuple[Expr, list[Family]],
) -> None:
    """Add all products of *place* = (y, x, pixels) and *packed* to *sums*.

    *packed* is the index of the first weight, and the families of the vectors.
    """
    (y, x, pixels), (first, families) = place, packed
    source, step = shape.source, shape.step(family)
    pad_h, pad_w = source.pad
    runs, steps, rest = shape.runs(family)
    per_channel = sum(f.lanes for f in families)
    width = len(families)
    alike = [(f, [v for v in range(width) if families[v] is f]) for f in dict.fromkeys(families)]

    def narrowed(activation: Expr, f: Family) -> Expr:
        return activation if f is family else shuffle([activation], range(f.elements))

    def add(r: Expr, s: Expr, k: Expr, channels: int) -> None:
        """The products of up to a step's *channels*."""
        if source.planar:
            pixel_values = [[v] for v in family.planar_activations(e, data, k, y + r, x + s, pixels)]
        else:
            pixel_values = [
                family.activations(e, data, source.at(y + r - pad_h, x + p + s - pad_w, k * step))
                for p in range(pixels)
            ]
        groups = channels // family.group
        run = r * runs + s
        start = first + (run * steps + k) * (step * per_channel) + run * (rest * per_channel)
        for q in range(groups):
            multiplicands = [values[q] for values in pixel_values]
            for part in range(family.spread):
                for f, chosen in alike:
                    vectors = [
                        f.weights(e, weight, start + (q * per_channel + v * family.lanes) * f.group, part)
                        for v in chosen
                    ]
                    totals = [sums[p * width + v][part] for p in range(pixels) for v in chosen]
                    loaded = [load(total, 0, f.lanes) for total in totals]
                    values = f.accumulate(e, loaded, [narrowed(a, f) for a in multiplicands], vectors)
                    for total, value in zip(totals, values, strict=True):
                        e.store_vector(total, value, 0, f.lanes)

    unroll = tile.unroll if steps % tile.unroll == 0 else 1
    top, count = _rows(shape, y)
    with e.loop(count, "r", start=top) as r, e.loop(runs, "s") as s:
        if steps:
            with e.loop(steps // unroll, "k") as outer:
                for inner in range(unroll):
                    add(r, s, outer * unroll + inner, step)
        if rest:
            add(r, s, steps, rest)


def _finish(
    e: Emitter,
    shape: ConvShape,
    family: Family,
    pixels: list[tuple[list[Expr], Expr]],
    first: Expr,
    scaling: list[Expr],
    result: Expr,
) -> None:
    """Write the sums of every one of *pixels*, channels from *first* on, to its place in *result*.

    *scaling* is nothing, multiplier, or multiplier and addend.
    """
    lanes = family.lanes
    finished = []
    for sums, place in pixels:
        for v, total in enumerate(sums):
            count = tvm.DataType(total.ty.dtype).lanes
            factors = [load(s, first + v * lanes, count) for s in scaling]
            value = total
            if shape.fused and isinstance(family, Int8):
                value = family.round_fused(total, *factors)
            elif factors:
                # Casting float32 to float32 is nothing.
                value = cast("float32", total, count) * factors[0]
            elif shape.target.dtype == "float32":
                value = cast("float32", total, count)
            finished.append((value, place, v * lanes))
    if isinstance(family, Int8) and shape.target.dtype != "float32":
        # The clamp to activations is a ReLU.
        narrow = family.narrow_fused if shape.fused else family.narrow
        width = len(pixels[0][0])
        together = len(finished) if family.narrows_pixels_together else width
        for start in range(0, len(finished), together):
            for i in range(start, start + together, 4):
                _narrow(e, family, narrow, finished[i : min(i + 4, start + together)], result)
        return
    if shape.target.dtype == BITS:
        for start in range(0, len(finished), len(pixels[0][0])):
            _narrow_pairs(e, shape, finished[start : start + len(pixels[0][0])], result)
        return
    for value, place, offset in finished:
        count = tvm.DataType(value.ty.dtype).lanes
        if shape.relu:
            value = tirx.max(value, const(0, shape.target.dtype, count))
        if count < lanes:
            value = concat([value, const(0, shape.target.dtype, count)], count)
        e.store_vector(result, value, place + offset, lanes)


def _narrow(
    e: Emitter,
    family: Int8,
    pack: Callable[[Sequence[Expr]], Expr],
    finished: list[tuple[Expr, Expr, int]],
    result: Expr,
) -> None:
    """Write up to four vectors, given with their pixel's place and their channel in it, *pack*ed."""
    lanes, narrow = family.lanes, pack([value for value, _, _ in finished])
    places = [place for _, place, _ in finished]
    if all(place is places[0] for place in places):
        e.store_vector(result, narrow, places[0] + finished[0][2], lanes * len(finished))
        return
    narrow = e.let("n", narrow)
    i = 0
    while i < len(finished):
        # A lone vector as one word, or LLVM stores it byte by byte.
        pair = i % 2 == 0 and i + 1 < len(finished) and places[i + 1] is places[i]
        if pair:
            part = shuffle([narrow], range(i * lanes, (i + 2) * lanes))
        else:
            words = reinterpret("int32", narrow, len(finished))
            part = reinterpret(family.activation, shuffle([words], [i]), lanes)
        count = 2 if pair else 1
        e.store_vector(result, part, places[i] + finished[i][2], lanes * count)
        i += count


def _narrow_pairs(e: Emitter, shape: ConvShape, pixel: list[tuple[Expr, Expr, int]], result: Expr) -> None:
    """Write the vectors of a pixel, given with its place and their channel in it, as bfloat16."""
    for i in range(0, len(pixel), 2):
        values = [value for value, _, _ in pixel[i : i + 2]]
        lanes = tvm.DataType(values[0].ty.dtype).lanes
        if shape.relu:
            values = [tirx.max(value, const(0, "float32", lanes)) for value in values]
        _, place, offset = pixel[i]
        e.store_vector(result, bfloat16.narrow(e, values), place + offset, lanes * len(values))


def default_tile(shape: ConvShape, family: Family) -> Tile:
    """A tile that fills the register file: the choice where nothing was tuned.

    Maximizes products per load, pixels·vectors / (pixels + vectors), weighed by how evenly the tile divides
    the map. F(4, 3) where it `pays`; a tile of pixels goes through all channels while their weights stay in
    the level-one cache.
    """
    scheme = 4 if pays(shape, family) else 0
    total, width = shape.vectors(family), shape.positions(scheme)
    weights = (scheme + 2) * shape.reduction(family) * shape.target.stored * 4
    inner = not scheme or weights > 32 << 10

    def score(tile: Tile) -> float:
        pixels, vectors = tile.pixels, tile.vectors
        even = width / (-(-width // pixels) * pixels) * total / (-(-total // vectors) * vectors)
        return even * pixels * vectors / (pixels + vectors)

    family = family.fitting(shape.source)
    candidates = [
        Tile(pixels, vectors, pixels_inner=inner, winograd=scheme)
        for vectors in range(1, min(total, 8) + 1)
        for pixels in range(1, min(width, 16) + 1)
        if family.occupied(pixels, vectors) <= family.registers
    ]
    return max(candidates, key=score)
