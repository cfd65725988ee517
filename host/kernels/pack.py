"""Weights in the order in which kernels read them."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from host.kernels.microkernel import MicroKernel
from host.kernels.shape import ConvShape, Tile
from host.kernels.winograd import transform_weight

Scalar = TypeVar("Scalar", bound=np.generic)


def pack_weight(
    weight: NDArray[np.generic], shape: ConvShape, microkernel: MicroKernel, tile: Tile
) -> NDArray[np.generic]:
    """Weights in the order the kernel reads them.

    Args:
        weight: [out, in, kh, kw].

    Returns:
        Flat `[tile of channels][kh][kw][in / group][vector of the tile][lane][group]`, zero where padded;
        the last vector has the lanes of `ConvShape.last_vector`. Where pixels are `dense`, kw · in is taken
        for in.
    """
    unused = (microkernel.lanes - shape.last_vector(microkernel, tile).lanes) * microkernel.for_source(
        shape.source
    ).group
    if tile.scheme:
        weight = transform_weight(weight, tile.scheme)
    reduction, stored = shape.reduction(microkernel), shape.target.stored
    if shape.dense(microkernel):
        weight = weight.transpose(0, 3, 1, 2).reshape(len(weight), -1, weight.shape[2], 1)
        reduction = shape.products(microkernel) // weight.shape[2]
    out, cin, kh, kw = weight.shape
    full = np.zeros((shape.vectors(microkernel) * microkernel.lanes, reduction, kh, kw), weight.dtype)
    full[:out, :cin] = weight
    full[:stored] = full[microkernel.channel_order(stored, tile.vectors, shape.fused)]
    microkernel = microkernel.for_source(shape.source)
    lanes, group = microkernel.lanes, microkernel.group
    # [vector, lane, in/group, group, kh, kw] → [vector, kh, kw, in/group, lane, group]
    blocks = full.reshape(-1, lanes, full.shape[1] // group, group, kh, kw).transpose(0, 4, 5, 2, 1, 3)
    vectors = microkernel.arrange(blocks)
    tiles = []
    for start in range(0, len(vectors), tile.vectors):
        part = vectors[start : start + tile.vectors]
        steps = part.transpose(1, 2, 3, 0, 4).reshape(*part.shape[1:4], -1)
        if start + tile.vectors >= len(vectors):
            steps = steps[..., : steps.shape[-1] - unused]
        tiles.append(steps.reshape(-1))
    return np.ascontiguousarray(np.concatenate(tiles))


def pack_vector(
    values: NDArray[Scalar], shape: ConvShape, microkernel: MicroKernel, tile: Tile
) -> NDArray[Scalar]:
    """A number per output channel, [out], in the order of `pack_weight`, zeros for channels only stored."""
    padded = np.pad(values, (0, shape.target.stored - len(values)))
    return padded[microkernel.channel_order(shape.target.stored, tile.vectors, shape.fused)]
