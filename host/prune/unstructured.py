"""Single weights set to zero: the field's baseline.

The network keeps its shape, and dense kernels multiply by the zeros as by anything else: it compresses
better and runs no faster.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from lprnet.network.checkpoint import Checkpoint


def prune_weights(checkpoint: Checkpoint, sparsity: float) -> Checkpoint:
    """*checkpoint* with that share of all convolution weights, the smallest ones, set to zero.

    One magnitude for all layers would empty the wide ones, so weights count in units of their layer's
    standard deviation.
    """
    weights = {name: t for name, t in checkpoint.state.items() if t.dim() == 4}
    size = {name: (t / t.std()).abs() for name, t in weights.items()}
    every = torch.cat([s.flatten() for s in size.values()])
    limit = (
        every.kthvalue(max(1, round(sparsity * len(every)))).values if sparsity > 0 else torch.tensor(-1.0)
    )
    state = {name: t * (size[name] > limit) if name in weights else t for name, t in checkpoint.state.items()}
    return replace(checkpoint, state=state, sha256="")


def sparsity_of(state: Mapping[str, Tensor]) -> float:
    """Share of convolution weights that are zero."""
    weights = [t for t in state.values() if t.dim() == 4]
    return float(sum(int((t == 0).sum()) for t in weights) / sum(t.numel() for t in weights))


def compressed_size(state: Mapping[str, Tensor]) -> int:
    """Bytes of all tensors after DEFLATE at its best level, which is what archives and downloads use."""
    return len(zlib.compress(b"".join(t.contiguous().numpy().tobytes() for t in state.values()), 9))
