"""How wrong the locator's outputs are."""

from __future__ import annotations

import pytest
import torch

from device_runtime.locate.decode import CHANNELS, SCORE, VIEW_CHANNELS, VIEW_ROWS, VIEW_SCORE
from host.quantize.outputs import find_error, refine_error


def maps(channels: int, score: int, logit: float) -> torch.Tensor:
    """Two outputs whose score's logits are *logit* everywhere."""
    output = torch.randn(2, channels, 16, 32, generator=torch.Generator().manual_seed(0))
    output[:, score] = logit
    return output


def test_exact_outputs_are_not_wrong() -> None:
    for error, exact in (
        (find_error, maps(CHANNELS, SCORE, 1)),
        (refine_error, maps(VIEW_CHANNELS, VIEW_SCORE, 1)),
    ):
        assert error(exact, exact).tolist() == [0, 0]


@pytest.mark.parametrize("channel", range(CHANNELS))
def test_the_first_networks_errors_count_where_plates_may_be(channel: int) -> None:
    counted = {}
    for logit in (3.0, -12.0):
        exact = maps(CHANNELS, SCORE, logit)
        output = exact.clone()
        output[0, channel, 3, 4] += 0.1
        wrong = find_error(output, exact)
        assert wrong[1] == 0
        counted[logit] = float(wrong[0])
    assert counted[3.0] == pytest.approx(0.01, rel=0.02)
    assert counted[-12.0] < 1e-4 * counted[3.0]


def test_the_second_networks_logits_are_means() -> None:
    exact = maps(VIEW_CHANNELS, VIEW_SCORE, 0)
    output = exact.clone()
    output[0, VIEW_SCORE] += 0.1
    output[1, VIEW_SCORE, :, ::2] += 0.1
    output[1, VIEW_SCORE, :, 1::2] -= 0.1
    assert refine_error(output, exact).tolist() == pytest.approx([0.01, 0], abs=1e-6)


@pytest.mark.parametrize("channel", [0, 3, VIEW_ROWS])
def test_corners_and_rows_count_where_the_second_network_sees_a_plate(channel: int) -> None:
    def wrong(logit: float) -> float:
        exact = maps(VIEW_CHANNELS, VIEW_SCORE, logit)
        output = exact.clone()
        output[:, channel, 2, 3] += 5
        return float(refine_error(output, exact)[0])

    assert 0 < 1e3 * wrong(-9) < wrong(3)
