"""How a feature map lies in memory."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import tvm
from tvm import tirx

from host.kernels.emit import Emitter, Expr, cast, const, reinterpret
from host.kernels.extent import common_divisor, variable_of

BFLOAT16_STORAGE = "uint16"
"""The dtype of maps of bfloat16, whose bits these are."""


@dataclass(frozen=True)
class FeatureMap:
    """A feature map in memory: `[H + 2·pad_h, W + 2·pad_w, stored]`, zero in the border.

    An int8 map holds q − 128 for q in 0…255, so its zeros are −128.

    Attributes:
        height: H, without the border: a number, or what `host.kernels.extent` makes.
        width: W, without the border, likewise.
        channels: channels that carry data.
        stored: channels in memory, `channels` rounded up; the rest are zero.
        dtype: of the elements.
        pad: zeros on both sides of (H, W); who writes the map writes them, for the convolutions that read it.
        planar: `[1, channels, H, W]` instead, as the image arrives; never padded.
        pitch: elements from one pixel to the next, where pixels overlap: after its own channels a pixel goes
            on with its right neighbour's, as far as `stored`.
        slack: zeros after the map, for convolutions that read whole registers.
    """

    height: Expr
    width: Expr
    channels: int
    _: KW_ONLY
    stored: int
    dtype: str
    pad: tuple[int, int] = (0, 0)
    planar: bool = False
    pitch: int | None = None
    slack: int = 0

    @property
    def shape(self) -> tuple[Expr, ...]:
        """Of the tensor that holds it: flat, but for a planar one."""
        if self.planar:
            return (1, self.channels, self.height, self.width)
        # The last pixel's neighbours may lie beyond the map.
        return (self._rows + self.stored - self.pixel + self.slack,)

    @property
    def _rows(self) -> Expr:
        """Elements of all rows, the border's included."""
        return (self.height + 2 * self.pad[0]) * self.row

    @property
    def pixel(self) -> int:
        """Elements from one pixel to the one to its right."""
        return self.pitch or self.stored

    @property
    def row(self) -> Expr:
        """Elements from one pixel to the one below."""
        return (self.width + 2 * self.pad[1]) * self.pixel

    @property
    def variables(self) -> list[Expr]:
        """What the height and the width are multiples of, where they are no numbers."""
        return [v for v in map(variable_of, (self.height, self.width)) if v is not None]

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
            row = pad_h * self.row
            even = row if isinstance(row, int) else common_divisor(self.width, 2 * pad_w) * self.pixel
            self._clear(e, buffer, 0, row, even)
            self._clear(e, buffer, (self.height + pad_h) * self.row, row, even)
        if pad_w:
            count = pad_w * self.pixel
            with e.loop(self.height, "y") as y:
                self._clear(e, buffer, self.at(y, -pad_w), count, count)
                self._clear(e, buffer, self.at(y, self.width), count, count)
        if self.slack:
            self._clear(e, buffer, self._rows + self.stored - self.pixel, self.slack, self.slack)

    def _clear(self, e: Emitter, buffer: Expr, start: Expr, count: Expr, even: int) -> None:
        """Write *count* zeros, a number that *even* divides."""
        lanes = next(n for n in (64, 32, 16, 8, 4, 2, 1) if even % n == 0 and n * self.bits <= 512)
        with e.loop(count // lanes if isinstance(count, int) else tirx.truncdiv(count, lanes), "z") as i:
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
