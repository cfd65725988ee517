"""The image tensor as bytes: what a quantized network's first convolution reads."""

from __future__ import annotations

from dataclasses import replace

from tvm import tirx

from host.kernels.emit import WORTH_SHARING, Emitter, Expr, const, reinterpret, span
from host.kernels.feature_map import FeatureMap
from host.kernels.microkernel import MicroKernel
from host.network.int8_sums import WORD


def image_map(height: int, width: int, columns: int, microkernel: MicroKernel) -> FeatureMap:
    """Pixels as words of four bytes.

    A kernel of *columns* columns takes a row of its window, which lies together in memory, for the channels
    of one pixel (see `rows_as_channels`): fewer bytes are zero than if every pixel were rounded up.
    """
    channels = WORD * columns
    image = FeatureMap(height, width, channels, channels, microkernel.activation, pitch=WORD)
    step = microkernel.for_source(image).step
    return replace(image, stored=-(-channels // step) * step)


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
        bits = reinterpret("int32", clamped + const(2.0**23 - target.zero, "float32", lanes), lanes)
        return tirx.bitwise_and(bits, const(255, "int32", lanes))

    def write(y: Expr, x: Expr) -> None:
        words = byte(0, y, x)
        for channel in (1, 2):
            words = words + byte(channel, y, x) * const(256**channel, "int32", lanes)
        e.store_vector(result, reinterpret(target.dtype, words, WORD * lanes), target.at(y, x), WORD * lanes)

    parallel = 3 * target.height * target.width // lanes > WORTH_SHARING
    with e.loop(target.height, "y", parallel=parallel) as y:
        with e.loop(target.width // lanes, "x") as x:
            write(y, x * lanes)
        if target.width % lanes:
            # Overlaps the vector before.
            write(y, target.width - lanes)
    return e.func(symbol)
