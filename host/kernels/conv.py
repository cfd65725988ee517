"""Direct convolution: an outer product of pixels and output channels, kept in registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tvm
from tvm import tirx

from host.kernels import arm_assembly as neon
from host.kernels import bfloat16
from host.kernels.emit import Emitter, Expr, address, cast, concat, const, load, reinterpret, shuffle
from host.kernels.feature_map import BFLOAT16_STORAGE
from host.kernels.int8 import Int8
from host.kernels.microkernel import MicroKernel
from host.kernels.shape import ConvShape, Tile
from host.kernels.winograd import emit_winograd


def conv(symbol: str, shape: ConvShape, microkernel: MicroKernel, tile: Tile) -> tirx.PrimFunc:
    """Kernel `(source, weight, bias, target)`; writes every element of *target*, its border included.

    A `scaled` microkernel's kernel is `(source, weight, bias, multiplier, target)`: sums times multiplier,
    float32[stored channels], are the target's values. A `fused` shape's is `(source, weight, bias,
    multiplier, addend, target)`, its biases `MAGIC_BITS` more.
    """
    e = Emitter()
    source, target = shape.source, shape.target
    microkernel = microkernel.for_source(source)
    taps = tile.scheme + 2 if tile.scheme else shape.kernel[0] * shape.kernel[1]
    reduction = taps * shape.reduction(microkernel)
    data = source.param(e, "source")
    last = shape.last(microkernel, tile)
    weight = e.param(
        "weight", (target.stored - microkernel.lanes + last.lanes) * reduction, microkernel.weight
    )
    bias = e.param("bias", target.stored, microkernel.accumulator)
    scaling = [
        e.param(name, target.stored, "float32")
        for name, wanted in (("multiplier", microkernel.requantizes), ("addend", shape.fused))
        if wanted
    ]
    result = target.param(e, "target")
    vectors, columns = shape.vectors(microkernel), tile.vectors

    # The last tile is apart from the others where its last vector is.
    full_tiles, rest_vectors = divmod(vectors, columns)
    if last is not microkernel and not rest_vectors:
        full_tiles, rest_vectors = full_tiles - 1, columns

    def compute(y: Expr, x: Expr, pixels: int, channel_tile: Expr, families: list[MicroKernel]) -> None:
        width = len(families)
        first = channel_tile * (columns * microkernel.lanes)
        packed = channel_tile * (columns * microkernel.lanes * reduction)
        sums = [
            [e.local("sums", f.lanes, f.accumulator) for _ in range(f.partial_sums)]
            for _ in range(pixels)
            for f in families
        ]
        path = _path(shape, microkernel, tile.unroll)
        if microkernel.by_element and path and neon.fits(pixels, width, path):
            name, text = neon.tile(microkernel.by_element, pixels, width, path)
            e.include(text)
            pad_h, pad_w = source.pad
            operands = [
                address(data, source.at(y - pad_h, x - pad_w)), address(weight, packed), address(bias, first)
            ]  # fmt: skip
            e.call(name, *operands, *(address(total) for (total,) in sums))
        else:
            _begin(e, bias, first, pixels, families, sums)
            _reduce(e, shape, microkernel, tile, data, weight, sums, (y, x, pixels), (packed, families))
        rows = []
        for p in range(pixels):
            values = []
            for v, parts in enumerate(sums[p * width : (p + 1) * width]):
                loaded = [load(part, 0, families[v].lanes) for part in parts]
                values.append(families[v].reduce_sums(loaded, bias, first + v * microkernel.lanes))
            rows.append((values, target.at(y, x + p, first)))
        _finish(e, shape, microkernel, rows, first, scaling, result)

    def tiles(body: Callable[[Expr, list[MicroKernel]], None]) -> None:
        """Emit *body* for every tile of channels and the families of its vectors."""
        if full_tiles:
            with e.loop(full_tiles, "n") as n:
                body(n, [microkernel] * columns)
        if rest_vectors:
            body(full_tiles, [microkernel] * (rest_vectors - 1) + [last])

    def pixels(y: Expr, channel_tile: Expr, families: list[MicroKernel]) -> None:
        full, rest = divmod(target.width, tile.pixels)
        if full:
            with e.loop(full, "m") as m:
                compute(y, m * tile.pixels, tile.pixels, channel_tile, families)
        if rest:
            compute(y, full * tile.pixels, rest, channel_tile, families)

    target.clear_border(e, result)
    if tile.scheme:
        emit_winograd(e, shape, microkernel, tile, data, weight, bias, result)
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


def _path(shape: ConvShape, microkernel: MicroKernel, unroll: int) -> neon.Path | None:
    """How a tile in assembly reads the source; a planar image it cannot."""
    source = shape.source
    if source.planar:
        return None
    size = source.bits // 8
    runs, loads, rest = shape.runs(microkernel)
    return neon.Path(
        pixel=source.pixel * size,
        row=source.row * size,
        run=source.pixel * size,
        rows=shape.kernel[0],
        runs=runs,
        loads=loads,
        rest=rest // microkernel.group,
        unroll=unroll if loads % unroll == 0 else 1,
    )


def _rows(shape: ConvShape, y: Expr) -> tuple[Expr, Expr]:
    """First and number of the kernel's rows that meet more than border at row *y* of the target.

    All of them where the border is not zeros in memory: sums then begin at what takes that into account.
    """
    rows, pad, source = shape.kernel[0], shape.source.pad[0], shape.source
    if not pad or source.zero_point:
        return 0, rows
    top = tirx.max(pad - y, 0)
    return top, tirx.min(source.height + pad - y, rows) - top


def _begin(
    e: Emitter, bias: Expr, first: Expr, pixels: int, families: list[MicroKernel], sums: list[list[Expr]]
) -> None:
    """Set the sums of a register tile, by pixel and vector, to what they begin with."""
    width = len(families)
    for v, microkernel in enumerate(families):
        start = microkernel.initial_sums(e, bias, first + v * families[0].lanes)
        for p in range(pixels):
            for part, value in zip(sums[p * width + v], start, strict=True):
                e.store_vector(part, value, 0, microkernel.lanes)


def _reduce(
    e: Emitter,
    shape: ConvShape,
    microkernel: MicroKernel,
    tile: Tile,
    data: Expr,
    weight: Expr,
    sums: list[list[Expr]],
    place: tuple[Expr, Expr, int],
    packed: tuple[Expr, list[MicroKernel]],
) -> None:
    """Add all products of *place* = (y, x, pixels) and *packed* to *sums*.

    *packed* is the index of the first weight, and the families of the vectors.
    """
    (y, x, pixels), (first, families) = place, packed
    source, per_load = shape.source, shape.channels_per_load(microkernel)
    pad_h, pad_w = source.pad
    runs, loads, rest = shape.runs(microkernel)
    per_channel = sum(f.lanes for f in families)
    width = len(families)
    alike = [(f, [v for v in range(width) if families[v] is f]) for f in dict.fromkeys(families)]

    def narrowed(activation: Expr, f: MicroKernel) -> Expr:
        return activation if f is microkernel else shuffle([activation], range(f.activations_per_register))

    def add(r: Expr, s: Expr, k: Expr, channels: int) -> None:
        """The products of up to a load's *channels*."""
        if source.planar:
            pixel_values = [[v] for v in microkernel.planar_activations(e, data, k, y + r, x + s, pixels)]
        else:
            pixel_values = [
                microkernel.activations(e, data, source.at(y + r - pad_h, x + p + s - pad_w, k * per_load))
                for p in range(pixels)
            ]
        groups = channels // microkernel.group
        run = r * runs + s
        start = first + (run * loads + k) * (per_load * per_channel) + run * (rest * per_channel)
        for q in range(groups):
            multiplicands = [values[q] for values in pixel_values]
            for part in range(microkernel.partial_sums):
                for f, chosen in alike:
                    vectors = [
                        f.weights(
                            e, weight, start + (q * per_channel + v * microkernel.lanes) * f.group, part
                        )
                        for v in chosen
                    ]
                    totals = [sums[p * width + v][part] for p in range(pixels) for v in chosen]
                    loaded = [load(total, 0, f.lanes) for total in totals]
                    values = f.accumulate(e, loaded, [narrowed(a, f) for a in multiplicands], vectors)
                    for total, value in zip(totals, values, strict=True):
                        e.store_vector(total, value, 0, f.lanes)

    unroll = tile.unroll if loads % tile.unroll == 0 else 1
    top, count = _rows(shape, y)
    with e.loop(count, "r", start=top) as r, e.loop(runs, "s") as s:
        if loads:
            with e.loop(loads // unroll, "k") as outer:
                for inner in range(unroll):
                    add(r, s, outer * unroll + inner, per_load)
        if rest:
            add(r, s, loads, rest)


def _finish(
    e: Emitter,
    shape: ConvShape,
    microkernel: MicroKernel,
    pixels: list[tuple[list[Expr], Expr]],
    first: Expr,
    scaling: list[Expr],
    result: Expr,
) -> None:
    """Write the sums of every one of *pixels*, channels from *first* on, to its place in *result*.

    *scaling* is nothing, multiplier, or multiplier and addend.
    """
    lanes = microkernel.lanes
    finished = []
    for sums, place in pixels:
        for v, total in enumerate(sums):
            count = tvm.DataType(total.ty.dtype).lanes
            factors = [load(s, first + v * lanes, count) for s in scaling]
            value = total
            if shape.fused and isinstance(microkernel, Int8):
                value = microkernel.round_fused(total, *factors)
            elif factors:
                # Casting float32 to float32 is nothing.
                value = cast("float32", total, count) * factors[0]
            elif shape.target.dtype == "float32":
                value = cast("float32", total, count)
            finished.append((value, place, v * lanes))
    if isinstance(microkernel, Int8) and shape.target.dtype != "float32":
        # The clamp to activations is a ReLU.
        narrow = microkernel.narrow_fused if shape.fused else microkernel.narrow
        width = len(pixels[0][0])
        together = len(finished) if microkernel.narrows_pixels_together else width
        for start in range(0, len(finished), together):
            for i in range(start, start + together, 4):
                _narrow(e, microkernel, narrow, finished[i : min(i + 4, start + together)], result)
        return
    if shape.target.dtype == BFLOAT16_STORAGE:
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
    microkernel: Int8,
    pack: Callable[[Sequence[Expr]], Expr],
    finished: list[tuple[Expr, Expr, int]],
    result: Expr,
) -> None:
    """Write up to four vectors, given with their pixel's place and their channel in it, *pack*ed."""
    lanes, narrow = microkernel.lanes, pack([value for value, _, _ in finished])
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
            part = reinterpret(microkernel.activation, shuffle([words], [i]), lanes)
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
