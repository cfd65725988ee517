import pytest
import torch

from lprnet.network.alphabet import OWN
from lprnet.network.model import STEPS
from lprnet.training.losses import ctc_loss, distillation_loss


def test_loss_of_certain_logits() -> None:
    """A time step for each character and blanks elsewhere, without doubt: nothing is left to learn."""
    texts = ("京A12345", "沪B6")
    logits = torch.full((2, len(OWN), STEPS), -50.0)
    for row, text in enumerate(texts):
        labels = OWN.encode(text)
        for step in range(STEPS):
            logits[row, labels[step // 2] if step < 2 * len(labels) and step % 2 else OWN.blank, step] = 50.0
    assert float(ctc_loss(logits, texts, OWN)) == pytest.approx(0, abs=1e-6)
    assert float(ctc_loss(logits, texts[::-1], OWN)) > 1


def test_loss_of_a_label_that_does_not_fit_is_left_out() -> None:
    assert float(ctc_loss(torch.zeros(1, len(OWN), STEPS), ("1" * STEPS,), OWN)) == 0


def test_divergence_is_none_from_oneself_and_averaged_over_samples() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(2, 3, 73, 18)
    assert float(distillation_loss(a, a)) == pytest.approx(0, abs=1e-5)
    assert float(distillation_loss(a, b)) > 0.1
    twice = distillation_loss(torch.cat([a, a]), torch.cat([b, b]))
    torch.testing.assert_close(twice, distillation_loss(a, b))
