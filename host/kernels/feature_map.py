"""How a feature map lies in memory."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import tvm

from host.kernels.emit import Emitter, Expr, cast, const, reinterpret

BFLOAT16_STORAGE = "uint16"
"""The dtype of maps of bfloat16, whose bits these are."""


@dataclass(frozen=True)
class FeatureMap:
    """A feature map in memory: `[H + 2·pad_h, W + 2·pad_w, stored]`, zero in the border.

    An int8 map holds q − 128 for q in 0…255, so its zeros are −128.

    Attributes:
        height: H, without the border.
        width: W, without the border.
        channels: channels that carry data.
        stored: channels in memory, `channels` rounded up; the rest are zero.
        dtype: of the elements.
        pad: zeros on both sides of (H, W); who writes the map writes them, for the convolution that reads it.
        planar: `[1, channels, H, W]` instead, as the image arrives; never padded.
        pitch: elements from one pixel to the next, where pixels overlap: after its own channels a pixel goes
            on with its right neighbour's, as far as `stored`.
    """

    height: int
    width: int
    channels: int
    _: KW_ONLY
    stored: int
    dtype: str
    pad: tuple[int, int] = (0, 0)
    planar: bool = False
    pitch: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor that holds it: flat, but for a planar one."""
        if self.planar:
            return (1, self.channels, self.height, self.width)
        # The last pixel's neighbours may lie beyond the map.
        return ((self.height + 2 * self.pad[0]) * self.row + self.stored - self.pixel,)

    @property
    def pixel(self) -> int:
        """Elements from one pixel to the one to its right."""
        return self.pitch or self.stored

    @property
    def row(self) -> int:
        """Elements from one pixel to the one below."""
        return (self.width + 2 * self.pad[1]) * self.pixel

    def param(self, e: Emitter, name: str) -> Expr:
        """Declare it as the kernel's next parameter."""
        return e.param(name, self.shape, self.dtype)

    def at(self, y: Expr, x: Expr, channel: Expr = 0) -> Expr:
        """Index of an element; (y, x) = (0, 0) is the first pixel inside the border."""
        return (y + self.pad[0]) * self.row + (x + self.pad[1]) * self.pixel + channel

    def clear_border(self, e: Emitter, buffer: Expr) -> None:
        """Write the zeros around the map."""
        pad_h, pad_w = self.pad
        if pad_h:
            self._clear(e, buffer, 0, pad_h * self.row)
            self._clear(e, buffer, (self.height + pad_h) * self.row, pad_h * self.row)
        if pad_w:
            with e.loop(self.height, "y") as y:
                self._clear(e, buffer, self.at(y, -pad_w), pad_w * self.stored)
                self._clear(e, buffer, self.at(y, self.width), pad_w * self.stored)

    def _clear(self, e: Emitter, buffer: Expr, start: Expr, count: int) -> None:
        lanes = next(n for n in (64, 32, 16, 8, 4, 2, 1) if count % n == 0 and n * self.bits <= 512)
        with e.loop(count // lanes, "z") as i:
            e.store_vector(buffer, const(self.zero_point, self.dtype, lanes), start + i * lanes, lanes)

    @property
    def zero_point(self) -> int:
        """What stands for the real 0."""
        return -128 if self.dtype == "int8" else 0

    def real(self, value: Expr, lanes: int) -> Expr:
        """*lanes* elements as float32."""
        if self.dtype == BFLOAT16_STORAGE:
            return reinterpret("float32", cast("uint32", value, lanes) << const(16, "uint32", lanes), lanes)
        return cast("float32", value, lanes)

    @property
    def bits(self) -> int:
        """Of an element."""
        return int(tvm.DataType(self.dtype).bits)
