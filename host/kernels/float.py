"""Microkernels of fp32 and fp16."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from tvm import tirx

from host.kernels import arm_assembly as neon
from host.kernels.emit import Emitter, Expr, cast, load, shuffle, span, splat
from host.kernels.microkernel import MicroKernel


@dataclass(frozen=True, kw_only=True)
class Float32(MicroKernel):
    """fp32 with fused multiply-add, one channel broadcast at a time (folded into the FMA on x86)."""

    activation: str = "float32"
    weight: str = "float32"
    accumulator: str = "float32"
    group: int = 1
    channels_per_load: int = 1

    @property
    def half_width(self) -> MicroKernel | None:
        # CPUs that take 512 bits at once lose nothing.
        return replace(self, lanes=8) if self.lanes == 16 else None

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        return [splat(load(source, start), self.lanes)]

    def multiply_add(self, accumulator: Expr, activation: Expr, weight: Expr) -> Expr:
        return accumulator + activation * weight


@dataclass(frozen=True, kw_only=True)
class Float32ByElement(Float32):
    """fp32 FMA by element (NEON): four channels of a pixel in one load, each lane a multiplicand."""

    @property
    def by_element(self) -> neon.ByElement | None:
        return neon.FMLA

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        vector = e.let("a", load(source, start, self.channels_per_load))
        return [
            splat(tirx.Shuffle([vector], [tirx.IntImm("int32", q)]), self.lanes)
            for q in range(self.channels_per_load)
        ]

    def planar_activations(
        self, e: Emitter, image: Expr, channel: Expr, y: Expr, x: Expr, pixels: int
    ) -> list[Expr]:
        values: list[Expr] = []
        while len(values) < pixels:
            rest = pixels - len(values)
            count = next(n for n in (self.lanes, 4, 1) if n <= min(rest, self.lanes))
            place = span(x + len(values), count)
            loaded = self._activation(tirx.BufferLoad(image, [0, channel, y, place]), count)
            if count == 1:
                values.append(splat(loaded, self.lanes))
            else:
                vector = e.let("a", loaded)
                values += [splat(shuffle([vector], [q]), self.lanes) for q in range(count)]
        return values

    def _activation(self, pixels: Expr, count: int) -> Expr:
        """*count* pixels of the image as activations."""
        return pixels


@dataclass(frozen=True, kw_only=True)
class Float16ByElement(Float32ByElement):
    """fp16 arithmetic by element (Armv8.2): twice as many lanes."""

    activation: str = "float16"
    weight: str = "float16"
    accumulator: str = "float16"

    @property
    def fp32(self) -> MicroKernel:
        return FLOAT32["neon"]

    @property
    def by_element(self) -> neon.ByElement:
        return neon.FMLA_HALF

    def _activation(self, pixels: Expr, count: int) -> Expr:
        return cast("float16", pixels, count)


@dataclass(frozen=True, kw_only=True)
class Int8Weights(Float32):
    """fp32 with weights stored in int8: a quarter of the bytes, widened when they are loaded."""

    @property
    def requantizes(self) -> bool:
        return True

    def multiply_add(self, accumulator: Expr, activation: Expr, weight: Expr) -> Expr:
        return super().multiply_add(accumulator, activation, cast("float32", weight, self.lanes))


@dataclass(frozen=True, kw_only=True)
class Int8WeightsByElement(Int8Weights, Float32ByElement):
    """The same by element (NEON)."""

    @property
    def by_element(self) -> None:
        return None


FLOAT32: dict[str, Float32] = {
    "avx512": Float32(name="fp32-avx512", lanes=16, registers=32),
    "avx2": Float32(name="fp32-avx2", lanes=8, registers=16),
    "neon": Float32ByElement(name="fp32-neon", lanes=4, channels_per_load=4, registers=32),
    "neon32": Float32(name="fp32-neon32", lanes=4, registers=16),
    "scalar": Float32(name="fp32-scalar", lanes=1, registers=32),
}

INT8_WEIGHTS = {
    name: (Int8WeightsByElement if isinstance(microkernel, Float32ByElement) else Int8Weights)(
        **asdict(microkernel)
        | {"name": microkernel.name.replace("fp32", "fp32-int8-weights"), "weight": "int8"}
    )
    for name, microkernel in FLOAT32.items()
}
