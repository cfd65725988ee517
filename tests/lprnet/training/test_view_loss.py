import torch

from device_runtime.locate.decode import VIEW_CHANNELS, decode_view
from lprnet.training.view_loss import ViewWeights, view_corners, view_loss

CORNERS = torch.tensor([[[22.0, 18], [106, 18], [106, 46], [22, 46]]])
YES, NO = torch.ones(1, dtype=torch.bool), torch.zeros(1, dtype=torch.bool)
ONE, ZERO = torch.ones(1), torch.zeros(1)


def _output(corners: torch.Tensor, score: float, rows: float) -> torch.Tensor:
    """What says exactly this: heatmaps that are shared among the four cells around a corner."""
    output = torch.full((1, VIEW_CHANNELS, 16, 32), -30.0)
    for k, (x, y) in enumerate((corners[0] / 4 - 0.5).tolist()):
        left, top = int(x), int(y)
        for i, a in ((left, 1 - x + left), (left + 1, x - left)):
            for j, b in ((top, 1 - y + top), (top + 1, y - top)):
                if a * b > 0:
                    output[0, k, j, i] = torch.tensor(a * b).log()
    output[:, 4], output[:, 5] = score, rows
    return output


def test_corners_are_what_the_board_decodes() -> None:
    output = torch.randn(2, VIEW_CHANNELS, 16, 32, generator=torch.Generator().manual_seed(1)) * 3
    for given, one in zip(view_corners(output), output, strict=True):
        torch.testing.assert_close(
            given, torch.from_numpy(decode_view(one.numpy()).corners), rtol=1e-4, atol=1e-3
        )


def test_what_is_right_costs_little() -> None:
    parts = view_loss(_output(CORNERS, 9, -9), CORNERS, YES, ONE, YES, ZERO, ViewWeights())
    assert parts["score"] < 1e-3 and parts["rows"] < 1e-3 and parts["corners"] < 1e-4


def test_errors_of_corners_count_in_plate_heights() -> None:
    weights = ViewWeights(corners=1)
    off = [
        float(view_loss(_output(CORNERS + d, 9, -9), CORNERS, YES, ONE, YES, ZERO, weights)["corners"])
        for d in (2.8, 5.6)
    ]
    torch.testing.assert_close(torch.tensor(off[1] - off[0]), torch.tensor(0.1), rtol=1e-3, atol=1e-4)


def test_what_is_not_known_is_not_learnt() -> None:
    output = torch.zeros(1, VIEW_CHANNELS, 16, 32, requires_grad=True)
    parts = view_loss(output, CORNERS, NO, ONE, NO, ZERO, ViewWeights())
    torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert output.grad is not None and not output.grad.any()
