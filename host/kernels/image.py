"""The image tensor as bytes: what a quantized network's first convolution reads."""

from __future__ import annotations

from dataclasses import replace

from tvm import tirx

from host.kernels.emit import WORTH_SHARING, Emitter, Expr, cast, const, reinterpret, shuffle, span
from host.kernels.extent import multiple_of, quotient, usual
from host.kernels.feature_map import BFLOAT16_STORAGE, FeatureMap
from host.kernels.microkernel import MicroKernel
from host.network.int8_sums import BYTES_PER_PIXEL

CHANNELS = 3
"""Of an image."""


def image_map(height: Expr, width: Expr, columns: int, microkernel: MicroKernel) -> FeatureMap:
    """Pixels as words of four bytes, the last of them unused.

    A row of a kernel's window lies together in memory. A kernel of *columns* columns takes it for the
    channels of one pixel (see `rows_as_channels`), which wastes fewer bytes than rounding up every pixel; so
    pixels overlap. For three columns:

        r g b – r g b – r g b – r g b – r g b – …
        └──── pixel 0 ────────┘
                └──── pixel 1 ────────┘
    """
    channels = BYTES_PER_PIXEL * columns
    image = FeatureMap(
        height, width, channels, stored=channels, dtype=microkernel.activation, pitch=BYTES_PER_PIXEL
    )
    load = microkernel.for_source(image).channels_per_load
    return replace(image, stored=-(-channels // load) * load)


def quantize_image(symbol: str, target: FeatureMap, mean: float, scale: float, lanes: int) -> tirx.PrimFunc:
    """Recover the pixels of a preprocessed image.

    Kernel `(image float32[1,3,H,W], target)`: pixel = image / scale + mean, clamped to 0…255 and rounded half
    to even; exact where *scale* is a power of two and the image came from pixels.
    """
    e = Emitter()
    image = e.param("image", (1, 3, target.height, target.width), "float32")
    result = target.param(e, "target")

    def byte(channel: int, y: Expr, x: Expr) -> Expr:
        value = tirx.BufferLoad(image, [0, channel, y, span(x, lanes)])
        pixel = value * const(1 / scale, "float32", lanes) + const(mean, "float32", lanes)
        clamped = tirx.min(tirx.max(pixel, const(0, "float32", lanes)), const(255, "float32", lanes))
        # 2²³ + n has n in its lowest bits; adding it rounds.
        bits = reinterpret("int32", clamped + const(2.0**23 - target.zero_point, "float32", lanes), lanes)
        return tirx.bitwise_and(bits, const(255, "int32", lanes))

    def write(y: Expr, x: Expr) -> None:
        words = byte(0, y, x)
        for channel in (1, 2):
            words = words + byte(channel, y, x) * const(256**channel, "int32", lanes)
        e.store_vector(
            result,
            reinterpret(target.dtype, words, BYTES_PER_PIXEL * lanes),
            target.at(y, x),
            BYTES_PER_PIXEL * lanes,
        )

    parallel = 3 * target.height * target.width // lanes > WORTH_SHARING
    with e.loop(target.height, "y", parallel=parallel) as y:
        with e.loop(target.width // lanes, "x") as x:
            write(y, x * lanes)
        if target.width % lanes:
            # Overlaps the vector before.
            write(y, target.width - lanes)
    return e.func(symbol)


def border_image(symbol: str, target: FeatureMap) -> tirx.PrimFunc:
    """Give an image a border, and its pixels the elements of *target*, whose values are the pixels' own.

    Kernel `(image uint8[H,W,3], numbers, target)`: numbers are the target's variables. The target has three
    channels, or is an `image_map`.
    """
    e = Emitter()
    image = e.param("image", (target.height, target.width, CHANNELS), "uint8")
    e.numbers(target.variables)
    result = target.param(e, "target")
    target.clear_border(e, result)
    words = target.pixel == BYTES_PER_PIXEL
    # Four words of four bytes, whose places are shuffled within 128 bits; else bytes stay in their order.
    most = 4 if words else 16
    count = next(n for n in (16, 8, 4, 2, 1) if n <= most and multiple_of(target.width) % n == 0)
    pixels = usual(target.height)[0] * usual(target.width)[0]
    parallel = pixels // count > WORTH_SHARING
    groups = quotient(target.width, count)
    with e.loop(target.height, "y", parallel=parallel) as y, e.loop(groups, "x") as group:
        x = group * count
        loaded = tirx.BufferLoad(image, [y, x, span(0, CHANNELS * count)])
        values = _as_elements(loaded, CHANNELS * count, target)
        if words:
            # No weight reads the fourth byte.
            order = [CHANNELS * i + b for i in range(count) for b in (0, 1, 2, 2)]
            # Twice, for `Shuffle` makes no more lanes than it is given.
            values = shuffle([e.let("p", values)] * 2, order)
        e.store_vector(result, values, target.at(y, x), target.pixel * count)
    return e.func(symbol)


def _as_elements(pixels: Expr, lanes: int, target: FeatureMap) -> Expr:
    """*lanes* bytes as elements of *target*."""
    if target.dtype == "uint8":
        return pixels
    if target.dtype == "int8":
        return reinterpret("int8", tirx.bitwise_xor(pixels, const(128, "uint8", lanes)), lanes)
    if target.dtype == BFLOAT16_STORAGE:
        # Eight bits are what it holds.
        bits = reinterpret("uint32", cast("float32", pixels, lanes), lanes) >> const(16, "uint32", lanes)
        return cast(BFLOAT16_STORAGE, bits, lanes)
    return cast(target.dtype, pixels, lanes)
