"""What the locator is to say about a batch of scenes, and how far it is from that."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from device_runtime.locate.decode import CORNERS, ROWS, SCORE, SIZE, STRIDE, UNIT
from lprnet.scenes.scene import Role

SPREAD_ALONG, SPREAD_ACROSS = 0.11, 0.13
"""Deviation of a plate's heat, in its widths and heights."""
LEAST_SPREAD = 0.55
"""Cells, so that the smallest plates have neighbours that count as nearly right."""
NEAR = 0.3
"""Cells with more heat than this give the plate's corners, size and rows."""
KNEE = 0.06
"""Plate heights: an error of corners counts squared up to here and in proportion beyond."""
DEAD_ZONE = 0.06
"""Plate heights: boxes that people drew are not exact to more than this."""


@dataclass(frozen=True)
class Weights:
    """Of the parts of the loss beside the score's 1."""

    corners: float = 2.0
    size: float = 0.3
    rows: float = 0.3
    boxes: float = 0.3


@dataclass(frozen=True)
class Targets:
    """What is to be said at every cell of N scenes on h × w cells, each cell about its nearest plate.

    Attributes:
        heat: float32[N,h,w], 1 at a plate's centre, less around it, 0 elsewhere.
        counted: bool[N,h,w], whether the score counts there: not on plates that are `Role.IGNORED`.
        near: bool[N,h,w], whether corners, size and rows are to be given there.
        corners: float32[N,4,2,h,w], px.
        exact: bool[N,h,w], whether the corners are exact or only their hull is known.
        width: float32[N,h,w], the plate's, px.
        height: float32[N,h,w], the plate's, px.
        two_rows: float32[N,h,w], 1 for two rows, 0 for one.
    """

    heat: Tensor
    counted: Tensor
    near: Tensor
    corners: Tensor
    exact: Tensor
    width: Tensor
    height: Tensor
    two_rows: Tensor


def cell_centers(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Centres of the cells of a map, float32[2,height,width], px: x and y."""
    y = (torch.arange(height, device=device) + 0.5) * STRIDE
    x = (torch.arange(width, device=device) + 0.5) * STRIDE
    return torch.stack([x[None].expand(height, width), y[:, None].expand(height, width)])


def targets(corners: Tensor, rows: Tensor, roles: Tensor, height: int, width: int) -> Targets:
    """What N scenes with up to K plates ask for on a map of *height* × *width* cells.

    The heat is a Gaussian along the plate's own axes, so that tilted plates have tilted peaks; the cell that
    has most of it is set to 1, since CenterNet's loss wants a cell that is right.

    Args:
        corners: float32[N,K,4,2], px.
        rows: uint8[N,K], 1 or 2.
        roles: uint8[N,K], values of `Role`.
        height: cells.
        width: cells.
    """
    centers = cell_centers(height, width, corners.device)
    middle = corners.mean(2)
    along = (corners[:, :, 1] - corners[:, :, 0] + corners[:, :, 2] - corners[:, :, 3]) / 2
    across = (corners[:, :, 3] - corners[:, :, 0] + corners[:, :, 2] - corners[:, :, 1]) / 2
    wide, tall = along.norm(dim=2), across.norm(dim=2)
    # The cell's place in the plate: middle + a · along + b · across, by Cramer's rule.
    area = along[..., 0] * across[..., 1] - along[..., 1] * across[..., 0]
    area = torch.where(area.abs() < 1e-3, torch.full_like(area, 1e-3), area)[..., None, None]
    x, y = (centers[i] - middle[:, :, i, None, None] for i in (0, 1))

    def part(vector: Tensor, i: int) -> Tensor:
        return vector[:, :, i, None, None]

    a = (x * part(across, 1) - y * part(across, 0)) / area
    b = (y * part(along, 0) - x * part(along, 1)) / area
    least = LEAST_SPREAD * STRIDE
    sigma_a = torch.clamp(SPREAD_ALONG * wide, min=least)[..., None, None]
    sigma_b = torch.clamp(SPREAD_ACROSS * tall, min=least)[..., None, None]
    distance = (a * wide[..., None, None] / sigma_a) ** 2 + (b * tall[..., None, None] / sigma_b) ** 2
    every = torch.exp(-0.5 * distance)
    real = (roles == Role.CORNERS) | (roles == Role.BOX)
    every = every * real[..., None, None]
    peak = every.flatten(2).amax(2)[..., None, None]
    every = torch.where((every == peak) & (peak > 0), torch.ones_like(every), every)
    heat, nearest = every.max(1)
    inside = (a.abs() < 0.6) & (b.abs() < 0.7) & (roles == Role.IGNORED)[..., None, None]
    counted = ~inside.any(1) | (heat > NEAR)

    def of_nearest(values: Tensor) -> Tensor:
        """float[N,K] → float[N,h,w], of each cell's nearest plate."""
        return values.gather(1, nearest.flatten(1)).unflatten(1, (height, width))

    chosen = [of_nearest(corners[:, :, k, i]) for k in range(4) for i in (0, 1)]
    return Targets(
        heat=heat,
        counted=counted,
        near=heat > NEAR,
        corners=torch.stack(chosen, 1).unflatten(1, (4, 2)),
        exact=of_nearest((roles == Role.CORNERS).float()) > 0,
        width=of_nearest(wide),
        height=of_nearest(tall).clamp(min=1.0),
        two_rows=of_nearest((rows == 2).float()),
    )


def score_loss(logits: Tensor, heat: Tensor, counted: Tensor) -> Tensor:
    """CenterNet's focal loss (arXiv:1904.07850, eq. 1, α = 2, β = 4), a positive cell.

    float[N,h,w] logits, float[N,h,w] heat and bool[N,h,w] → scalar.
    """
    score = torch.sigmoid(logits)
    right = heat == 1
    positive = F.logsigmoid(logits) * (1 - score) ** 2
    negative = F.logsigmoid(-logits) * score**2 * (1 - heat) ** 4
    cells = torch.where(right, positive, negative) * counted
    return -cells.sum() / right.sum().clamp(min=1)


def corners_of(output: Tensor) -> Tensor:
    """Corners in px that every cell gives: float[N,CHANNELS,h,w] → float32[N,4,2,h,w]."""
    size = torch.exp(output[:, SIZE].float().clamp(-3, 4)) * UNIT
    shape = output[:, CORNERS].float().unflatten(1, (4, 2))
    centers = cell_centers(output.shape[2], output.shape[3], output.device)
    return centers + size[:, None, None] * shape


def _smooth(error: Tensor) -> Tensor:
    """Smooth L1 with `KNEE`."""
    return F.smooth_l1_loss(error, torch.zeros_like(error), beta=KNEE, reduction="none")


def locator_loss(output: Tensor, wanted: Targets, weights: Weights) -> dict[str, Tensor]:
    """The parts of the loss, weighted, by name; their sum is what is trained on.

    Errors of corners are in plate heights, averaged over the cells near plates by their heat.

    Args:
        output: float[N,CHANNELS,h,w].
        wanted: of the same scenes.
        weights: of the parts.
    """
    output = output.float()
    share = wanted.near * wanted.heat
    given = corners_of(output)
    error = (given - wanted.corners) / wanted.height[:, None, None]
    exact = _smooth(error).mean((1, 2))
    # What is known of a box is its sides: the hull of the corners, give or take.
    low, high = (
        torch.relu((side(given) - side(wanted.corners)).abs() / wanted.height[:, None] - DEAD_ZONE)
        for side in (lambda c: c.amin(1), lambda c: c.amax(1))
    )
    hull = (_smooth(low) + _smooth(high)).mean(1) / 2
    total = share.sum().clamp(min=1)
    size = F.smooth_l1_loss(
        output[:, SIZE], torch.log(wanted.width.clamp(min=1) / UNIT), beta=0.2, reduction="none"
    )
    rows = F.binary_cross_entropy_with_logits(output[:, ROWS], wanted.two_rows, reduction="none")
    known = share * wanted.exact
    return {
        "score": score_loss(output[:, SCORE], wanted.heat, wanted.counted),
        "corners": weights.corners * (exact * known).sum() / total,
        "boxes": weights.boxes * (hull * share * ~wanted.exact).sum() / total,
        "size": weights.size * (size * share).sum() / total,
        "rows": weights.rows * (rows * known).sum() / total,
    }
