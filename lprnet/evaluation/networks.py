"""Networks that are not in a bundle, read with as a board reads: locator and reader in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from device_runtime.locate.locator import Locator
from device_runtime.model.memory import aligned_empty
from device_runtime.read.decoder import Decoder
from device_runtime.read.engine import Reading, reading_of
from device_runtime.read.preprocess import DEFAULT, prepare
from device_runtime.reader import Examiner
from device_runtime.sources.image import Image, Rows, as_bgr
from device_runtime.timing import StageClock
from lprnet.locator.locate import locator_of
from lprnet.locator.network import LocatorNet
from lprnet.network.checkpoint import Checkpoint


class TorchEngine:
    """Reads crops as a bundle's engine does, with the network of a checkpoint in float32.

    Raises:
        FatalError: *use_grammar*, and the alphabet can write no plate.
    """

    def __init__(self, checkpoint: Checkpoint, use_grammar: bool | None = None) -> None:
        self._model, alphabet = checkpoint.model(), checkpoint.alphabet
        self._preprocess = checkpoint.preprocess
        self._input = aligned_empty((1, 3, DEFAULT.height, DEFAULT.width))
        self.decoder = Decoder(alphabet.characters, alphabet.blank, checkpoint.confidence, use_grammar)

    def read(
        self,
        image: NDArray,
        width: float | None = None,
        below: NDArray | None = None,
        further: Iterable[Rows] = (),
        doubted: bool = False,
    ) -> Reading:
        """The plate in *image*, BGR uint8[H,W,3], *width* px wide in its frame (as wide as here if None).

        Where *image* is its upper row alone, *below* is the lower one; *further*, *doubted*: `Decoder.read`.

        Raises:
            FatalError: an image that `preprocess.as_bgr` refuses.
        """
        clock = StageClock()

        def infer(seen: Image) -> NDArray[np.float32]:
            prepare(seen, self._input, self._preprocess)
            clock.lap("preprocess")
            with torch.inference_mode():
                logits = np.asarray(self._model(torch.from_numpy(self._input))[0].numpy())
            clock.lap("infer")
            return logits

        whole, rest = as_bgr(image), None if below is None else as_bgr(below)
        wide = whole.shape[1] if width is None else width
        read = self.decoder.read(whole, wide, infer, clock, rest, further, doubted)
        return reading_of(read, clock)


def examiner(
    checkpoint: Checkpoint,
    networks: LocatorNet,
    use_grammar: bool | None = None,
    min_confidence: float | None = None,
    crop: bool = False,
) -> Examiner:
    """Finds plates with *networks* and reads them with *checkpoint*, both in evaluation mode.

    With *crop*, images are plates already.

    Texts less sure than *min_confidence*, the checkpoint's own limit if None, are no readings.

    Raises:
        FatalError: *use_grammar*, and the alphabet can write no plate.
    """
    locator: Locator = locator_of(networks)
    engine = TorchEngine(checkpoint, use_grammar)
    least = engine.decoder.least_confidence if min_confidence is None else min_confidence
    return Examiner(engine, None if crop else locator, straightener=locator, min_confidence=least)
