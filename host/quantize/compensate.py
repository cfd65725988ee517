"""Rounding weights so that errors cancel on the sample images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from host.network.graph import Conv
from host.network.int8_sums import Int8Sums, Int16Headroom

INT8_MAX = 127
DAMPING = 0.01
"""Added to the diagonal, as a share of its mean: directions the samples hardly show are left alone."""
BATCH = 8
BLOCK = 32
"""Inputs rounded between two products with the rest."""


def second_moments(conv: Conv, x: Tensor) -> NDArray[np.float64]:
    """Σ p·pᵀ over all patches p, float64[in·kh·kw, in·kh·kw], that *conv* reads of x [N,in,H,W]."""
    height, width = conv.padding
    total = torch.zeros(conv.weight[0].size, conv.weight[0].size, dtype=torch.float64)
    for part in x.split(BATCH):
        padded = F.pad(part, (width, width, height, height))
        patches = F.unfold(padded, conv.weight.shape[2:], stride=conv.stride)
        flat = patches.permute(1, 0, 2).flatten(1)
        total += flat @ flat.T
    return total.numpy()


@dataclass(frozen=True, eq=False)
class Compensation:
    """How inputs take over each other's rounding errors.

    Attributes:
        moments: float64[n,n] of the n = in·kh·kw inputs.
        order: int64[n], the inputs in the order they are rounded: those with the most energy first.
        shares: float64[n,n], the upper Cholesky factor of the inverse of the moments, in that order.
    """

    moments: NDArray[np.float64]
    order: NDArray[np.int64]
    shares: NDArray[np.float64]

    @classmethod
    def of(cls, moments: NDArray[np.float64]) -> Compensation:
        """From `second_moments`; the identity matrix rounds every weight for itself."""
        energy = np.diag(moments)
        order = np.argsort(-energy, kind="stable")
        damped = moments + np.diag(np.where(energy > 0, 0, 1.0) + DAMPING * energy.mean())
        return cls(moments, order, np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T)

    def round(
        self, weight: NDArray[np.float64], int8_sums: Int8Sums
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Integers near *weight* [out, in, kh, kw] whose products with patches change little.

        One input after the other is rounded, and clipped to ±127 and to the room that int16 sums have left.
        The inputs still to come take over the error, as far as they are correlated with it (GPTQ: Frantar et
        al., arXiv:2210.17323).

        Returns:
            The integers, and the squared error of each output summed over the patches: float64[out].
        """
        left = weight.reshape(len(weight), -1)[:, self.order]
        rounded = np.empty_like(left)
        headroom = Int16Headroom(int8_sums, weight.shape)
        errors = np.empty_like(left)
        for start in range(0, left.shape[1], BLOCK):
            end = min(start + BLOCK, left.shape[1])
            for i in range(start, end):
                clipped = np.clip(np.rint(left[:, i]), -INT8_MAX, INT8_MAX)
                rounded[:, i] = headroom.add(self.order[i], clipped)
                errors[:, i] = (left[:, i] - rounded[:, i]) / self.shares[i, i]
                left[:, i + 1 : end] -= np.outer(errors[:, i], self.shares[i, i + 1 : end])
            # The rest in one product, which is what the processor is fast at.
            left[:, end:] -= errors[:, start:end] @ self.shares[start:end, end:]
        result = np.empty_like(rounded)
        result[:, self.order] = rounded
        difference = result - weight.reshape(len(weight), -1)
        return result.reshape(weight.shape), ((difference @ self.moments) * difference).sum(1)
