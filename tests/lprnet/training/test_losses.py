import pytest
import torch

from lprnet.network.alphabet import OWN
from lprnet.network.model import STEPS
from lprnet.training.losses import CHARACTERS, ctc_loss, distillation_loss, well_taught


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


def certain(text: str) -> torch.Tensor:
    """Logits float[classes,18] of *text*, every other step blank."""
    logits = torch.full((len(OWN), STEPS), -50.0)
    for step in range(STEPS):
        label = OWN.encode(text)[step // 2] if step % 2 and step // 2 < len(text) else OWN.blank
        logits[label, step] = 50.0
    return logits


def test_the_label_of_what_is_no_plate_wants_blanks() -> None:
    assert float(ctc_loss(certain("")[None], ("",), OWN)) == pytest.approx(0, abs=1e-6)
    even = torch.zeros(1, len(OWN), STEPS)
    expected = STEPS * torch.tensor(float(len(OWN))).log() / CHARACTERS
    assert float(ctc_loss(even, ("",), OWN)) == pytest.approx(float(expected))


def test_a_teacher_that_misreads_teaches_nothing() -> None:
    taught = torch.stack([certain("京A11234"), certain("京A1234"), certain("沪B6")])
    assert well_taught(taught, ("京A11234", "京A11234", ""), OWN).tolist() == [True, False, False]
    assert well_taught(taught[:0], (), OWN).tolist() == []
