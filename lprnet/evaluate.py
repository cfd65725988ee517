"""Accuracy of a checkpoint on labelled crops, one at a time as a board reads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from device_runtime.decode import Decoded, greedy
from device_runtime.preprocess import DEFAULT
from lprnet.checkpoint import Checkpoint
from lprnet.dataset import resized, to_input

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Outcome:
    """What was on a plate and what was read."""

    image: Image
    text: str
    read: Decoded

    @property
    def right(self) -> bool:
        return self.text == self.read.text


def read_all(checkpoint: Checkpoint, samples: Iterable[tuple[Image, str]]) -> list[Outcome]:
    """Read every (uint8[H,W,3] BGR, label) at batch 1 with greedy CTC decoding."""
    assert (DEFAULT.mean, DEFAULT.scale) == (127.5, 0.0078125)
    model, alphabet = checkpoint.model(), checkpoint.alphabet
    outcomes = []
    with torch.inference_mode():
        for image, text in samples:
            logits = model(torch.from_numpy(to_input(resized(image)[None])))[0].numpy()
            outcomes.append(Outcome(image, text, greedy(logits, alphabet.characters, alphabet.blank)))
    return outcomes


def accuracy(outcomes: list[Outcome]) -> float:
    """Share of plates with every character right."""
    return sum(o.right for o in outcomes) / max(len(outcomes), 1)


def accuracy_without_province(outcomes: list[Outcome]) -> float:
    """Like `accuracy`, the first character left out on both sides."""
    return sum(o.text[1:] == o.read.text[1:] for o in outcomes) / max(len(outcomes), 1)
