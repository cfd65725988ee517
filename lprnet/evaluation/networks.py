"""Networks that are not in a bundle, read with as a board reads: locator and reader in PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from device_runtime.locate.locator import Locator
from device_runtime.model.memory import aligned_empty
from device_runtime.read import decode, grammar
from device_runtime.read.engine import Reading
from device_runtime.read.preprocess import DEFAULT, prepare
from device_runtime.reader import Examiner
from device_runtime.timing import StageClock
from lprnet.locator.locate import locator_of
from lprnet.locator.network import LocatorNet
from lprnet.network.checkpoint import Checkpoint


class TorchEngine:
    """Reads crops as a bundle's engine does, with the network of a checkpoint in float32.

    Raises:
        FatalError: *use_grammar*, and the alphabet can write no plate.
    """

    def __init__(self, checkpoint: Checkpoint, use_grammar: bool = False) -> None:
        self._model, self._alphabet = checkpoint.model(), checkpoint.alphabet
        self._input = aligned_empty((1, 3, DEFAULT.height, DEFAULT.width))
        self._grammar = grammar.for_alphabet(self._alphabet.characters) if use_grammar else None
        if self._grammar is not None and not self._grammar.patterns:
            raise FatalError("--grammar", "no plate can be written in this alphabet", "leave it out")

    def read(self, image: NDArray) -> Reading:
        """The plate in *image*, BGR uint8[H,W,3].

        Raises:
            FatalError: an image that `preprocess.as_bgr` refuses.
        """
        clock = StageClock()
        prepare(image, self._input)
        clock.lap("preprocess")
        with torch.inference_mode():
            logits = np.asarray(self._model(torch.from_numpy(self._input))[0].numpy())
        clock.lap("infer")
        characters, blank = self._alphabet.characters, self._alphabet.blank
        if self._grammar is None:
            decoded = decode.greedy(logits, characters, blank)
        else:
            decoded = decode.with_grammar(logits, characters, blank, self._grammar)
        clock.lap("decode")
        return Reading(
            plate=decoded.text,
            confidence=decoded.confidence,
            character_confidences=decoded.character_confidences,
            logits=logits,
            timings_ms=clock.ms,
        )


def examiner(
    checkpoint: Checkpoint, networks: LocatorNet, use_grammar: bool = False, min_confidence: float = 0.0
) -> Examiner:
    """Finds plates with *networks* and reads them with *checkpoint*, both in evaluation mode.

    Raises:
        FatalError: *use_grammar*, and the alphabet can write no plate.
    """
    locator: Locator = locator_of(networks)
    return Examiner(TorchEngine(checkpoint, use_grammar), locator, min_confidence=min_confidence)
