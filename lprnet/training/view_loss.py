"""How far what REFINE says about a batch of views is from what it is to say."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from device_runtime.locate.decode import VIEW_CORNERS, VIEW_ROWS, VIEW_SCORE, VIEW_STRIDE

KNEE = 0.015
"""Plate heights: an error of corners counts squared up to here and in proportion beyond."""
SPREAD = 0.7
"""Cells: deviation of the Gaussian that a corner's heatmap is compared with."""


@dataclass(frozen=True)
class ViewWeights:
    """Of the parts of the loss beside the score's 1."""

    corners: float = 12.0
    heat: float = 0.03
    rows: float = 0.2


def view_corners(output: Tensor) -> Tensor:
    """Corners in px of the view, float32[N,4,2], by soft-argmax of float[N,6,h,w]."""
    heat = output[:, VIEW_CORNERS].float()
    weights = F.softmax(heat.flatten(2), dim=2).unflatten(2, heat.shape[2:])
    y, x = (
        (torch.arange(side, device=output.device, dtype=torch.float32) + 0.5) * VIEW_STRIDE
        for side in heat.shape[2:]
    )
    return torch.stack([(weights.sum(2) * x).sum(2), (weights.sum(3) * y).sum(2)], 2)


def view_loss(
    output: Tensor,
    corners: Tensor,
    known: Tensor,
    plate: Tensor,
    counted: Tensor,
    two_rows: Tensor,
    weights: ViewWeights,
) -> dict[str, Tensor]:
    """The parts of the loss, weighted, by name; *output* float[N,6,h,w], the others as in `views.Views`."""
    output = output.float()
    score, rows = output[:, VIEW_SCORE].mean((1, 2)), output[:, VIEW_ROWS].mean((1, 2))
    total = known.sum().clamp(min=1)
    height = ((corners[:, 3] - corners[:, 0] + corners[:, 2] - corners[:, 1]) / 2).norm(dim=1)
    error = (view_corners(output) - corners) / height.clamp(min=4)[:, None, None]
    off = F.smooth_l1_loss(error, torch.zeros_like(error), beta=KNEE, reduction="none").mean((1, 2))
    heat = output[:, VIEW_CORNERS]
    y, x = (torch.arange(side, device=output.device) + 0.5 for side in heat.shape[2:])
    at = corners / VIEW_STRIDE
    near = torch.exp(
        -0.5 * ((x - at[..., 0, None, None]) ** 2 + (y[:, None] - at[..., 1, None, None]) ** 2) / SPREAD**2
    ).flatten(2)
    near = near / near.sum(2, keepdim=True).clamp(min=1e-6)
    surprise = -(near * F.log_softmax(heat.flatten(2), dim=2)).sum(2).mean(1)
    sure = F.binary_cross_entropy_with_logits(score, plate, reduction="none")
    lines = F.binary_cross_entropy_with_logits(rows, two_rows, reduction="none")
    return {
        "score": (sure * counted).sum() / counted.sum().clamp(min=1),
        "corners": weights.corners * (off * known).sum() / total,
        "heat": weights.heat * (surprise * known).sum() / total,
        "rows": weights.rows * (lines * known).sum() / total,
    }
