"""Direct convolution: an outer product of pixels and output channels, kept in registers.

What a kernel does, with the names of `Tile`:

    for every row of the target                               threads share the rows
      for every tile of `vectors` vectors of channels         these two the other way round
        for every tile of `pixels` pixels                     unless `pixels_inner`
          sums[pixel][vector] = bias
          for every row of the kernel, run and load           `unroll` loads written out
            sums[pixel][vector] += activations[pixel] · weights[vector]
          scale, round, clamp and store the sums              `MicroKernel.store`
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tvm import tirx

from host.kernels import arm_assembly as neon
from host.kernels.emit import Emitter, Expr, address, load, shuffle
from host.kernels.epilogue import Addition, Epilogue, PixelSums
from host.kernels.extent import multiple_of
from host.kernels.microkernel import MicroKernel
from host.kernels.shape import ConvShape, Tile
from host.kernels.winograd import emit_winograd


def conv(symbol: str, shape: ConvShape, microkernel: MicroKernel, tile: Tile) -> tirx.PrimFunc:
    """Kernel `(source, weight, bias, target)`; writes every element of *target*, its border included.

    There are more parameters before the target, in this order:

        multiplier    where the microkernel `requantizes`: sums times multiplier are the target's values
        addend        of a `fused` shape, whose biases are `MAGIC_BITS` more
        added, ratio  the map that is added and, where the microkernel `requantizes`, what one of it counts
        numbers       `ConvShape.variables`

    Vectors have a number for every stored channel, in float32 but for the bias.

    Args:
        symbol: name of the function.
    """
    e = Emitter()
    source, target = shape.source, shape.target
    microkernel = microkernel.for_source(source)
    products = (
        (tile.scheme + 2) * shape.reduction(microkernel) if tile.scheme else shape.products(microkernel)
    )
    data = source.param(e, "source")
    weight = e.param("weight", shape.computed(microkernel, tile) * products, microkernel.weight)
    bias = e.param("bias", target.stored, microkernel.accumulator)
    multiplier = e.param("multiplier", target.stored, "float32") if microkernel.requantizes else None
    addend = e.param("addend", target.stored, "float32") if shape.fused else None
    addition = None
    if shape.added:
        added = shape.added.param(e, "added")
        ratio = e.param("ratio", target.stored, "float32") if microkernel.requantizes else None
        addition = Addition(shape.added, added, ratio)
    e.numbers(shape.variables)
    result = target.param(e, "target")
    target.clear_border(e, result)
    if tile.scheme:
        emit_winograd(e, shape, microkernel, tile, data=data, weight=weight, bias=bias, result=result)
    else:
        epilogue = Epilogue(
            target=target,
            result=result,
            relu=shape.relu,
            multiplier=multiplier,
            addend=addend,
            addition=addition,
        )
        _DirectKernel(
            e=e,
            shape=shape,
            microkernel=microkernel,
            tile=tile,
            data=data,
            weight=weight,
            bias=bias,
            epilogue=epilogue,
        ).emit()
    return e.func(symbol)


def assembly_path(shape: ConvShape, microkernel: MicroKernel, unroll: int = 1) -> neon.Path | None:
    """How a register tile in assembly reads the source; None for a planar image, which it cannot read."""
    source = shape.source
    if source.planar:
        return None
    size = source.bits // 8
    runs = shape.runs(microkernel)
    return neon.Path(
        pixel=source.pixel * shape.stride * size,
        row=source.row * size if isinstance(source.row, int) else None,
        run=source.pixel * size,
        rows=shape.kernel[0],
        runs=runs.count,
        loads=runs.loads,
        rest=runs.rest // microkernel.group,
        unroll=unroll if runs.loads % unroll == 0 else 1,
    )


@dataclass(frozen=True)
class _Pixels:
    """Neighbours in a row of what is computed, *count* from *first* on."""

    first: Expr
    count: int


@dataclass(frozen=True)
class _Channels:
    """Vectors of output channels: tile number *index*, and the microkernel of each vector."""

    index: Expr
    microkernels: Sequence[MicroKernel]


@dataclass(frozen=True, kw_only=True)
class _RegisterTile:
    """Pixels by vectors of output channels, and where their products are summed.

    Attributes:
        y: row of what is computed.
        x: the first pixel in it.
        microkernels: one for each vector.
        channel: the first output channel.
        packed: index of the first weight.
        sums: buffers on the stack, [pixel][vector][partial sum].
    """

    y: Expr
    x: Expr
    microkernels: Sequence[MicroKernel]
    channel: Expr
    packed: Expr
    sums: Sequence[Sequence[Sequence[Expr]]]

    @property
    def pixels(self) -> int:
        return len(self.sums)


@dataclass(frozen=True, kw_only=True)
class _DirectKernel:
    """Emits the loops of a kernel.

    Attributes:
        microkernel: as the source wants it (`MicroKernel.for_source`).
        data: buffer of the source.
        weight: buffer of `pack_weight`'s weights.
        bias: buffer of what sums begin with.
    """

    e: Emitter
    shape: ConvShape
    microkernel: MicroKernel
    tile: Tile
    data: Expr
    weight: Expr
    bias: Expr
    epilogue: Epilogue

    def emit(self) -> None:
        with self.e.loop(self.shape.height, "y", parallel=True) as y:
            if self.tile.pixels_inner:
                for channels in self._channel_tiles():
                    for pixels in self._pixel_tiles():
                        self._compute(y, pixels, channels)
            else:
                for pixels in self._pixel_tiles():
                    for channels in self._channel_tiles():
                        self._compute(y, pixels, channels)

    def _channel_tiles(self) -> Iterator[_Channels]:
        """All tiles of output channels: a loop over the full ones, then what is left.

        The last tile is always apart where its last vector is half as wide.
        """
        microkernel, columns = self.microkernel, self.tile.vectors
        last = self.shape.last_vector(microkernel, self.tile)
        full, rest = divmod(self.shape.vectors(microkernel), columns)
        if last is not microkernel and not rest:
            full, rest = full - 1, columns
        if full:
            with self.e.loop(full, "n") as n:
                yield _Channels(n, [microkernel] * columns)
        if rest:
            yield _Channels(full, [microkernel] * (rest - 1) + [last])

    def _pixel_tiles(self) -> Iterator[_Pixels]:
        """All pixels of a row: a loop over the full tiles, then what is left.

        Of a row whose width is no number, full tiles alone, the last one over the end of that before.
        """
        width, pixels = self.shape.width, self.tile.pixels
        if not isinstance(width, int):
            even = multiple_of(width) % pixels == 0
            with self.e.loop(tirx.truncdiv(width + (pixels - 1), pixels), "m") as m:
                first = m * pixels if even else self.e.let("x", tirx.min(m * pixels, width - pixels))
                yield _Pixels(first, pixels)
            return
        full, rest = divmod(width, pixels)
        if full:
            with self.e.loop(full, "m") as m:
                yield _Pixels(m * pixels, pixels)
        if rest:
            yield _Pixels(full * pixels, rest)

    def _compute(self, y: Expr, pixels: _Pixels, channels: _Channels) -> None:
        """Write the outputs of a register tile."""
        microkernel, shape = self.microkernel, self.shape
        channel = channels.index * (self.tile.vectors * microkernel.lanes)
        t = _RegisterTile(
            y=y,
            x=pixels.first,
            microkernels=channels.microkernels,
            channel=channel,
            packed=channels.index * (self.tile.vectors * microkernel.lanes * shape.products(microkernel)),
            sums=[
                [
                    [self.e.local("sums", m.lanes, m.accumulator) for _ in range(m.partial_sums)]
                    for m in channels.microkernels
                ]
                for _ in range(pixels.count)
            ],
        )
        path = assembly_path(shape, microkernel, self.tile.unroll)
        if microkernel.by_element and path and neon.fits(t.pixels, len(t.microkernels), path):
            self._call_assembly(t, microkernel.by_element, path)
        else:
            self._begin(t)
            self._accumulate(t)
        finished = [
            sums
            for p, row in enumerate(t.sums)
            for sums in self._finished(y, t.x + p, channel, [self._reduced(t, *v) for v in enumerate(row)])
        ]
        microkernel.store(self.e, self.epilogue, finished, channel)

    def _finished(self, y: Expr, x: Expr, channel: Expr, vectors: Sequence[Expr]) -> Iterator[PixelSums]:
        """The pixels of the target that the sums of pixel (y, x) belong to: one, or four."""
        target, added = self.shape.target, self.shape.added
        if added is None:
            yield PixelSums(target.at(y, x, channel), vectors)
            return
        for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
            place = 2 * y + down, 2 * x + right, channel
            yield PixelSums(target.at(*place), vectors, added.at(*place))

    def _call_assembly(self, t: _RegisterTile, instruction: neon.ByElement, path: neon.Path) -> None:
        """Compute the sums of a register tile in assembly."""
        name, text = neon.tile(instruction, t.pixels, len(t.microkernels), path)
        self.e.include(text)
        (pad_h, pad_w), stride, source = self.shape.pad, self.shape.stride, self.shape.source
        first = source.at(t.y * stride - pad_h, t.x * stride - pad_w)
        operands = [address(self.data, first), address(self.weight, t.packed), address(self.bias, t.channel)]
        operands += [address(total) for row in t.sums for (total,) in row]
        if path.row is None:
            operands.append(tirx.Cast("int64", source.row * (source.bits // 8)))
        self.e.call(name, *operands)

    def _begin(self, t: _RegisterTile) -> None:
        """Set the sums to what they begin with."""
        for v, m in enumerate(t.microkernels):
            start = m.initial_sums(self.e, self.bias, t.channel + v * self.microkernel.lanes)
            for row in t.sums:
                for part, value in zip(row[v], start, strict=True):
                    self.e.store_vector(part, value, 0, m.lanes)

    def _reduced(self, t: _RegisterTile, v: int, parts: Sequence[Expr]) -> Expr:
        """Vector *v* of a pixel from its partial sums."""
        m = t.microkernels[v]
        loaded = [load(part, 0, m.lanes) for part in parts]
        return m.reduce_sums(loaded, self.bias, t.channel + v * self.microkernel.lanes)

    def _accumulate(self, t: _RegisterTile) -> None:
        """Add all products to the sums."""
        e, runs = self.e, self.shape.runs(self.microkernel)
        unroll = self.tile.unroll if runs.loads % self.tile.unroll == 0 else 1
        top, count = self._kernel_rows(t.y)
        with e.loop(count, "r", start=top) as r, e.loop(runs.count, "s") as s:
            if runs.loads:
                with e.loop(runs.loads // unroll, "k") as outer:
                    for inner in range(unroll):
                        k = outer * unroll + inner
                        self._add_load(t, r, s, k, self.shape.channels_per_load(self.microkernel))
            if runs.rest:
                self._add_load(t, r, s, runs.loads, runs.rest)

    def _kernel_rows(self, y: Expr) -> tuple[Expr, Expr]:
        """First and number of the kernel's rows that meet more than border at row *y* of the target.

        All of them where the border is not zeros in memory: sums then begin at what takes that into account.
        """
        rows, pad, source = self.shape.kernel[0], self.shape.pad[0], self.shape.source
        if not pad or source.zero_point:
            return 0, rows
        y = y * self.shape.stride
        top = tirx.max(pad - y, 0)
        return top, tirx.min(source.height + pad - y, rows) - top

    def _add_load(self, t: _RegisterTile, r: Expr, s: Expr, k: Expr, channels: int) -> None:
        """Add the products of *channels* channels: load *k* of run *s* in row *r* of the kernel."""
        microkernel, runs = self.microkernel, self.shape.runs(self.microkernel)
        per_load = self.shape.channels_per_load(microkernel)
        lanes = sum(m.lanes for m in t.microkernels)
        run = r * runs.count + s
        start = t.packed + (run * runs.loads + k) * (per_load * lanes) + run * (runs.rest * lanes)
        activations = self._activations(t, r, s, k)
        for q in range(channels // microkernel.group):
            operands = [pixel[q] for pixel in activations]
            for part in range(microkernel.partial_sums):
                self._multiply(t, operands, start + q * lanes * microkernel.group, part)

    def _activations(self, t: _RegisterTile, r: Expr, s: Expr, k: Expr) -> list[list[Expr]]:
        """What one load reads of every pixel: [pixel][group of channels]."""
        source, microkernel = self.shape.source, self.microkernel
        if source.planar:
            values = microkernel.planar_activations(self.e, self.data, k, t.y + r, t.x + s, t.pixels)
            return [[value] for value in values]
        (pad_h, pad_w), channel = self.shape.pad, k * self.shape.channels_per_load(microkernel)
        y, x = t.y * self.shape.stride + r - pad_h, t.x * self.shape.stride + s - pad_w
        places = [source.at(y, x + p * self.shape.stride, channel) for p in range(t.pixels)]
        return [microkernel.activations(self.e, self.data, place) for place in places]

    def _multiply(self, t: _RegisterTile, operands: Sequence[Expr], start: Expr, part: int) -> None:
        """Add the products of a group of channels, one of *operands* a pixel, to partial sum *part*.

        Vectors of the same width go together.
        """
        e, microkernel = self.e, self.microkernel
        for m in dict.fromkeys(t.microkernels):
            chosen = [v for v, other in enumerate(t.microkernels) if other is m]
            weights = [
                m.weights(e, self.weight, start + v * microkernel.lanes * m.group, part) for v in chosen
            ]
            totals = [row[v][part] for row in t.sums for v in chosen]
            loaded = [load(total, 0, m.lanes) for total in totals]
            for total, value in zip(
                totals,
                m.accumulate(e, loaded, [self._narrowed(a, m) for a in operands], weights),
                strict=True,
            ):
                e.store_vector(total, value, 0, m.lanes)

    def _narrowed(self, activation: Expr, microkernel: MicroKernel) -> Expr:
        """An operand for vectors of *microkernel*, which may be half as wide."""
        if microkernel is self.microkernel:
            return activation
        return shuffle([activation], range(microkernel.activations_per_register))
