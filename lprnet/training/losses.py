"""What training makes small."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lprnet.network.alphabet import Alphabet
from lprnet.network.model import STEPS

TEMPERATURE = 2.0
"""Of distillation: CTC's posteriors are nearly one-hot, and what they say beside that is the lesson."""


def ctc_loss(logits: Tensor, texts: Sequence[str], alphabet: Alphabet) -> Tensor:
    """CTC loss per character (Graves et al., ICML 2006): float[N,C,18] and N labels → scalar, on the CPU.

    Raises:
        FatalError: a label has a character that *alphabet* lacks.
    """
    targets = [alphabet.encode(text) for text in texts]
    return F.ctc_loss(
        logits.float().permute(2, 0, 1).log_softmax(2).cpu(),
        torch.tensor([c for t in targets for c in t]),
        torch.full((len(texts),), STEPS),
        torch.tensor([len(t) for t in targets]),
        blank=alphabet.blank,
        zero_infinity=True,
    )


def distillation_loss(logits: Tensor, taught: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the teacher's classes, per time step: two float[N,C,18] → scalar.

    Hinton et al., arXiv:1503.02531, with its factor T², on every time step of both networks. Averaged over
    samples and time steps.
    """
    student, teacher = (
        (x.float() / TEMPERATURE).permute(0, 2, 1).flatten(0, 1).log_softmax(1) for x in (logits, taught)
    )
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True) * TEMPERATURE**2
