import numpy as np
import pytest
import torch

from device_runtime.locate.decode import CHANNELS, CORNERS, ROWS, SCORE, SIZE, UNIT, decode
from lprnet.scenes.placing import tilted
from lprnet.scenes.scene import Role, height_of, width_of
from lprnet.training.locator_loss import (
    Targets,
    Weights,
    cell_centers,
    corners_of,
    locator_loss,
    score_loss,
    targets,
)

H, W = 24, 30
"""Cells."""


def _wanted(*plates: tuple[np.ndarray, int, Role]) -> Targets:
    corners = torch.zeros(1, 8, 4, 2)
    rows, roles = torch.ones(1, 8, dtype=torch.uint8), torch.zeros(1, 8, dtype=torch.uint8)
    for k, (points, count, role) in enumerate(plates):
        corners[0, k], rows[0, k], roles[0, k] = torch.from_numpy(points), count, role
    return targets(corners, rows, roles, H, W)


def _plate(seed: int, x: float, y: float, width: float) -> np.ndarray:
    return (tilted(np.random.default_rng(seed), width, width / 3) + np.array([x, y], np.float32)).astype(
        np.float32
    )


def _perfect(wanted: Targets) -> torch.Tensor:
    """The output that says exactly what is wanted."""
    output = torch.zeros(1, CHANNELS, H, W)
    heat = wanted.heat.clamp(1e-4, 1 - 1e-4)
    output[:, SCORE] = torch.log(heat / (1 - heat)) + 6 * (wanted.heat == 1)
    output[:, ROWS] = 20 * wanted.two_rows - 10
    output[:, SIZE] = torch.log(wanted.width.clamp(min=1) / UNIT)
    shape = (wanted.corners - cell_centers(H, W)) / (torch.exp(output[:, SIZE]) * UNIT)[:, None, None]
    output[:, CORNERS] = shape.flatten(1, 2)
    return output


@pytest.mark.parametrize("width", [12, 30, 90, 180])
def test_the_heat_is_one_at_the_plate_and_leans_with_it(width: int) -> None:
    plate = _plate(width, 121, 95, width)
    wanted = _wanted((plate, 1, Role.CORNERS))
    assert float(wanted.heat.max()) == 1 and int((wanted.heat == 1).sum()) == 1
    y, x = np.argwhere(wanted.heat[0].numpy() == 1)[0]
    assert np.abs((np.array([x, y]) + 0.5) * 8 - [121, 95]).max() <= 8
    near = np.argwhere(wanted.near[0].numpy())[:, ::-1]
    assert 1 <= len(near) < 80
    # Near cells lie within the plate, but for the least spread of a small one.
    distance = np.linalg.norm((near + 0.5) * 8 - [121, 95], axis=1)
    assert distance.max() < 0.2 * width + 10
    assert float(wanted.width[0, y, x]) == pytest.approx(width_of(plate), rel=1e-4)
    assert float(wanted.height[0, y, x]) == pytest.approx(height_of(plate), rel=1e-4)


def test_each_cell_is_about_its_nearest_plate() -> None:
    left, right = _plate(1, 60, 95, 60), _plate(2, 180, 95, 60)
    wanted = _wanted((left, 1, Role.CORNERS), (right, 2, Role.CORNERS))
    for plate, two in ((left, 0), (right, 1)):
        x, y = (plate.mean(0) // 8).astype(int)
        assert np.allclose(wanted.corners[0, :, :, y, x], plate, atol=1e-4)
        assert float(wanted.two_rows[0, y, x]) == two and wanted.exact[0, y, x]


def test_what_is_said_perfectly_costs_nothing_and_is_decoded_to_the_plates() -> None:
    plates = [_plate(1, 60, 50, 70), _plate(2, 180, 130, 24)]
    wanted = _wanted((plates[0], 2, Role.CORNERS), (plates[1], 1, Role.BOX))
    output = _perfect(wanted)
    parts = locator_loss(output, wanted, Weights())
    assert float(parts["score"]) < 0.4
    assert all(float(parts[name]) < 1e-4 for name in ("corners", "boxes", "size", "rows"))
    found = decode(output[0].numpy(), 0.5)
    assert len(found) == 2
    for plate in plates:
        assert np.abs(found.corners - plate).max((1, 2)).min() < 0.05


def test_ignored_plates_cost_nothing_either_way() -> None:
    plate = _plate(3, 120, 95, 80)
    wanted = _wanted((plate, 1, Role.IGNORED))
    assert wanted.heat.max() == 0 and not wanted.near.any()
    x, y = (plate.mean(0) // 8).astype(int)
    assert not wanted.counted[0, y, x] and wanted.counted[0, 0, 0]
    silent, loud = torch.full((1, H, W), -8.0), torch.full((1, H, W), -8.0)
    loud[0, y, x] = 8
    losses = [float(score_loss(logits, wanted.heat, wanted.counted)) for logits in (silent, loud)]
    assert losses[0] == losses[1]
    counted = torch.ones_like(wanted.counted)
    assert float(score_loss(loud, wanted.heat, counted)) > losses[0] + 1


def test_boxes_ask_for_their_sides_only_and_roughly() -> None:
    box = np.array([[80, 80], [160, 80], [160, 110], [80, 110]], np.float32)
    wanted = _wanted((box, 1, Role.BOX))
    leaning = np.array([[80, 82], [158, 80], [160, 108], [82, 110]], np.float32)
    for corners, free in (
        (leaning, True),
        (box + np.array([1, 1], np.float32), True),
        (box + np.array([12, 0], np.float32), False),
    ):
        output = _perfect(wanted)
        said = torch.from_numpy(corners.astype(np.float32))[None, :, :, None, None] - cell_centers(H, W)
        output[:, CORNERS] = (said / (torch.exp(output[:, SIZE]) * UNIT)[:, None, None]).flatten(1, 2)
        parts = locator_loss(output, wanted, Weights())
        assert (float(parts["boxes"]) < 1e-6) == free and float(parts["corners"]) == 0


def test_a_farther_corner_costs_more() -> None:
    plate = _plate(1, 120, 95, 80)
    wanted = _wanted((plate, 1, Role.CORNERS))
    costs = []
    for shift in (0.0, 0.1, 0.5):
        output = _perfect(wanted)
        output[:, CORNERS.start] += shift
        costs.append(float(locator_loss(output, wanted, Weights())["corners"]))
    assert costs[0] < costs[1] < costs[2]


def test_a_batch_without_plates_has_a_loss_with_gradients() -> None:
    output = torch.randn(1, CHANNELS, H, W, requires_grad=True)
    loss = torch.stack(list(locator_loss(output, _wanted(), Weights()).values())).sum()
    loss.backward()
    assert torch.isfinite(loss) and output.grad is not None and torch.isfinite(output.grad).all()


def test_corners_are_given_from_the_cells_centre() -> None:
    output = torch.zeros(1, CHANNELS, 2, 3)
    output[0, SIZE, 1, 2] = float(np.log(2))
    output[0, CORNERS.start, 1, 2] = 0.5
    corners = corners_of(output)
    assert corners[0, 0, :, 1, 2].tolist() == pytest.approx([20 + 0.5 * 64, 12], abs=1e-4)
    assert corners[0, 1, :, 0, 0].tolist() == [4, 4]
