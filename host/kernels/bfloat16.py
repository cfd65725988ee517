"""bfloat16 on x86 with AVX512-BF16.

TVM stores bfloat16 as uint16 and has no vectors of it to call LLVM's intrinsics with; so everything here is
uint16, and functions in LLVM assembly, which are inlined, take its bits for what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tvm import tirx

from host.kernels.emit import Emitter, Expr, const, lanes_of, load, reinterpret, splat
from host.kernels.epilogue import Epilogue, PixelSums
from host.kernels.feature_map import BFLOAT16_STORAGE, FeatureMap
from host.kernels.float import FLOAT32, Float32
from host.kernels.microkernel import MicroKernel

_LLVM = """\
declare <16 x float> @llvm.x86.avx512bf16.dpbf16ps.512(<16 x float>, <32 x bfloat>, <32 x bfloat>)
define <16 x float> @bf16_dot(<16 x float> %c, <32 x i16> %a, <32 x i16> %w) alwaysinline {
  %x = bitcast <32 x i16> %a to <32 x bfloat>
  %y = bitcast <32 x i16> %w to <32 x bfloat>
  %r = call <16 x float> @llvm.x86.avx512bf16.dpbf16ps.512(
      <16 x float> %c, <32 x bfloat> %x, <32 x bfloat> %y)
  ret <16 x float> %r
}
declare <16 x bfloat> @llvm.x86.avx512bf16.cvtneps2bf16.512(<16 x float>)
define <16 x i16> @bf16_one(<16 x float> %a) alwaysinline {
  %r = call <16 x bfloat> @llvm.x86.avx512bf16.cvtneps2bf16.512(<16 x float> %a)
  %s = bitcast <16 x bfloat> %r to <16 x i16>
  ret <16 x i16> %s
}
declare <32 x bfloat> @llvm.x86.avx512bf16.cvtne2ps2bf16.512(<16 x float>, <16 x float>)
define <32 x i16> @bf16_two(<16 x float> %a, <16 x float> %b) alwaysinline {
  %r = call <32 x bfloat> @llvm.x86.avx512bf16.cvtne2ps2bf16.512(<16 x float> %b, <16 x float> %a)
  %s = bitcast <32 x bfloat> %r to <32 x i16>
  ret <32 x i16> %s
}
"""


@dataclass(frozen=True, kw_only=True)
class BFloat16(MicroKernel):
    """vdpbf16ps: two products of bfloat16 added to an fp32 lane. The first layer is computed in fp32, too."""

    activation: str = BFLOAT16_STORAGE
    weight: str = BFLOAT16_STORAGE
    accumulator: str = "float32"

    @property
    def fp32(self) -> MicroKernel:
        return FLOAT32["avx512"]

    @property
    def activations_per_register(self) -> int:
        return 2 * self.lanes

    def for_source(self, source: FeatureMap) -> MicroKernel:
        return IMAGE_IN_FP32 if source.planar else self

    def encode(self, weight: NDArray[np.float32]) -> NDArray[np.generic]:
        return to_bfloat16(weight)

    def activations(self, e: Emitter, source: Expr, start: Expr) -> list[Expr]:
        e.include(_LLVM)
        pair = reinterpret("int32", load(source, start, 2))
        return [e.let("a", reinterpret(BFLOAT16_STORAGE, splat(pair, self.lanes), 2 * self.lanes))]

    def multiply_add(self, accumulator: Expr, activation: Expr, weight: Expr) -> Expr:
        return tirx.call_extern("float32x16", "bf16_dot", accumulator, activation, weight)

    def store(self, e: Emitter, epilogue: Epilogue, pixels: Sequence[PixelSums], first: Expr) -> None:
        if epilogue.target.dtype == BFLOAT16_STORAGE:
            _store(e, epilogue, pixels)
        else:
            super().store(e, epilogue, pixels, first)


@dataclass(frozen=True, kw_only=True)
class _ImageInFloat32(Float32):
    """Products of the image in fp32, sums stored as bfloat16."""

    def store(self, e: Emitter, epilogue: Epilogue, pixels: Sequence[PixelSums], first: Expr) -> None:
        _store(e, epilogue, pixels)


def _store(e: Emitter, epilogue: Epilogue, pixels: Sequence[PixelSums]) -> None:
    """Write sums as bfloat16, two vectors at a time."""
    for pixel in pixels:
        place = pixel.place
        for i in range(0, len(pixel.vectors), 2):
            pair = pixel.vectors[i : i + 2]
            lanes = lanes_of(pair[0])
            if epilogue.addition is not None:
                source, data = epilogue.addition.source, epilogue.addition.data
                others = (load(data, pixel.added + (i + v) * lanes, lanes) for v in range(len(pair)))
                pair = [s + source.real(other, lanes) for s, other in zip(pair, others, strict=True)]
            if epilogue.relu:
                pair = [tirx.max(sums, const(0, "float32", lanes)) for sums in pair]
            e.store_vector(epilogue.result, narrow(e, pair), place + i * lanes, lanes * len(pair))


def narrow(e: Emitter, values: Sequence[Expr]) -> Expr:
    """One or two vectors of 16 float32 → their bfloat16, end to end."""
    e.include(_LLVM)
    name = "bf16_one" if len(values) == 1 else "bf16_two"
    return tirx.call_extern(f"{BFLOAT16_STORAGE}x{16 * len(values)}", name, *values)


def to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Bits of the nearest bfloat16, half to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


IMAGE_IN_FP32 = _ImageInFloat32(name="bf16-avx512", lanes=16, registers=32)
"""What reads the image, which is float32."""
