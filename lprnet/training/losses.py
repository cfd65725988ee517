"""What training makes small."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lprnet.network.alphabet import Alphabet
from lprnet.network.model import STEPS

CHARACTERS = 7
"""That an empty label counts for: what is no plate weighs as much as a plate."""
TEMPERATURE = 2.0
"""Of distillation: CTC's posteriors are nearly one-hot, and what they say beside that is the lesson."""


def ctc_loss(logits: Tensor, texts: Sequence[str], alphabet: Alphabet) -> Tensor:
    """CTC loss per character (Graves et al., ICML 2006): float[N,C,18] and N labels → scalar, on the CPU.

    The mean over samples; the label "" wants blanks only.

    Raises:
        FatalError: a label has a character that *alphabet* lacks.
    """
    targets = [alphabet.encode(text) for text in texts]
    losses = F.ctc_loss(
        logits.float().permute(2, 0, 1).log_softmax(2).cpu(),
        torch.tensor([c for t in targets for c in t]),
        torch.full((len(texts),), STEPS),
        torch.tensor([len(t) for t in targets]),
        blank=alphabet.blank,
        reduction="none",
        zero_infinity=True,
    )
    return (losses / torch.tensor([len(t) or CHARACTERS for t in targets])).mean()


def well_taught(taught: Tensor, texts: Sequence[str], alphabet: Alphabet) -> Tensor:
    """Which of a teacher's answers float[N,C,18] read, greedily decoded, as the N labels say: bool[N].

    A teacher that misreads a plate, or reads one where none is, is no help with it.
    """
    best = taught.argmax(1).cpu()
    follows = best != F.pad(best, (1, 0), value=alphabet.blank)[:, :-1]
    read = [
        [c for c, new in zip(labels, changes, strict=True) if new and c != alphabet.blank]
        for labels, changes in zip(best.tolist(), follows.tolist(), strict=True)
    ]
    return torch.tensor([r == alphabet.encode(text) for r, text in zip(read, texts, strict=True)])


def distillation_loss(logits: Tensor, taught: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the teacher's classes, per time step: two float[N,C,18] → scalar.

    Hinton et al., arXiv:1503.02531, with its factor T², on every time step of both networks. Averaged over
    samples and time steps.
    """
    student, teacher = (
        (x.float() / TEMPERATURE).permute(0, 2, 1).flatten(0, 1).log_softmax(1) for x in (logits, taught)
    )
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True) * TEMPERATURE**2
