"""How a microkernel cuts a convolution."""

from __future__ import annotations

from dataclasses import replace

from host.kernels.extent import multiple_of, variable
from host.kernels.feature_map import FeatureMap
from host.kernels.registry import FLOAT32, INT8
from host.kernels.shape import ConvShape, Runs, Tile
from tests.host.kernels.kernel_cases import ConvCase


def test_pixels_without_unused_channels_are_one_run() -> None:
    microkernel = FLOAT32["neon"]
    dense = ConvCase(kernel=(3, 4), channels=(16, 8), size=(5, 9)).shape(microkernel)
    assert dense.runs(microkernel) == Runs(count=1, loads=16, rest=0)
    padded = ConvCase(kernel=(3, 4), channels=(9, 8), size=(5, 9)).shape(microkernel)
    assert padded.runs(microkernel) == Runs(count=4, loads=2, rest=1)


def test_a_planar_image_is_read_channel_by_channel() -> None:
    microkernel = FLOAT32["neon"]
    source = FeatureMap(5, 9, 3, stored=3, dtype="float32", planar=True)
    target = FeatureMap(3, 7, 8, stored=8, dtype="float32")
    shape = ConvShape(kernel=(3, 3), source=source, target=target, relu=True)
    assert shape.runs(microkernel) == Runs(count=3, loads=3, rest=0)


def test_the_last_vector_is_half_as_wide_where_the_rest_would_be_empty() -> None:
    microkernel = FLOAT32["avx512"]
    nearly_full = ConvCase(kernel=(1, 1), channels=(8, 25), size=(5, 9)).shape(microkernel)
    half_empty = ConvCase(kernel=(1, 1), channels=(8, 24), size=(5, 9)).shape(microkernel)
    assert nearly_full.last_vector(microkernel, Tile(4, 2)).lanes == 16
    assert half_empty.last_vector(microkernel, Tile(4, 2)).lanes == 8
    assert half_empty.last_vector(microkernel, Tile(4, 2, scheme=4)).lanes == 16
    vnni = INT8["avx512vnni"]
    quantized = ConvCase(kernel=(1, 1), channels=(8, 24), size=(5, 9)).shape(vnni)
    assert quantized.last_vector(vnni, Tile(4, 2)).lanes == 16


def test_positions_are_pixels_or_as_many_as_a_scheme_makes_side_by_side() -> None:
    microkernel = FLOAT32["avx2"]
    across = ConvCase(kernel=(1, 3), channels=(8, 8), size=(5, 11), pad=(0, 1)).shape(microkernel)
    down = ConvCase(kernel=(3, 1), channels=(8, 8), size=(5, 11), pad=(1, 0)).shape(microkernel)
    assert [across.positions(m) for m in (0, 4, 6)] == [(11,), (3,), (2,)]
    assert [down.positions(m) for m in (0, 4, 6)] == [(11,), (11,), (11,)]


def test_pixels_without_unused_channels_are_rounded_up_a_row_at_a_time() -> None:
    microkernel = INT8["neon"]
    source = FeatureMap(8, 8, 8, stored=8, dtype="int8", pad=(1, 1), slack=32)
    target = FeatureMap(4, 4, 24, stored=24, dtype="int8")
    shape = ConvShape(kernel=(3, 3), source=source, target=target, relu=True, stride=2)
    # Three pixels of eight channels, and eight zeros.
    assert shape.runs(microkernel) == Runs(count=1, loads=2, rest=0)
    assert shape.products(microkernel) == 3 * 32
    apart = ConvShape(kernel=(3, 3), source=replace(source, channels=7), target=target, relu=True)
    assert apart.runs(microkernel) == Runs(count=3, loads=1, rest=0)


def test_what_is_repeated_has_half_the_height_and_width() -> None:
    height, width = variable("h"), variable("w")
    source = FeatureMap(height, width, 8, stored=8, dtype="uint8")
    target = FeatureMap(height * 2, width * 2, 8, stored=8, dtype="uint8")
    shape = ConvShape(kernel=(1, 1), source=source, target=target, relu=True, added=target)
    assert (multiple_of(shape.height), multiple_of(shape.width)) == (1, 1)
    assert shape.variables == [height, width]
