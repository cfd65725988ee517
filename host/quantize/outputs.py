"""How wrong the locator's outputs are: by what is read from them (`device_runtime.locate.decode`)."""

from __future__ import annotations

import torch
from torch import Tensor

from device_runtime.locate.decode import SCORE, VIEW_ROWS, VIEW_SCORE
from lprnet.training.view_loss import view_corners

UNLIKELY = -2.0
"""Logit of a cell that is next to no candidate: errors of cells below count less and less."""


def find_error(output: Tensor, exact: Tensor) -> Tensor:
    """Squared errors of the first network's output [N,11,h,w], where plates may be: float[N]."""
    weights = torch.sigmoid(exact[:, SCORE] - UNLIKELY)
    return ((output - exact).square().sum(1) * weights).sum((1, 2))


def refine_error(output: Tensor, exact: Tensor) -> Tensor:
    """Squared errors of the second network's logits and, where it sees plates, of corners in px: float[N]."""
    score, rows = ((output - exact)[:, k].mean((1, 2)).square() for k in (VIEW_SCORE, VIEW_ROWS))
    corners = (view_corners(output) - view_corners(exact)).square().sum(2).mean(1)
    return score + torch.sigmoid(exact[:, VIEW_SCORE].mean((1, 2))) * (rows + corners)
