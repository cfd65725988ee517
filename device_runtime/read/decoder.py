"""From logits to a text and how sure it is, with all that a bundle or a checkpoint says about that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from device_runtime.bundle.manifest import ConfidenceInfo
from device_runtime.errors import FatalError
from device_runtime.read import decode, grammar
from device_runtime.read.confidence import confidence, features


class Decoder:
    """Texts of one alphabet.

    Attributes:
        alphabet: the classes' characters.
        blank: index of the class that means no character.
        calibration: what a confidence is made of; the product of the characters' where None.
        uses_grammar: whether the plate grammar chooses among the likely texts.
    """

    def __init__(
        self,
        alphabet: Sequence[str],
        blank: int,
        calibration: ConfidenceInfo | None = None,
        use_grammar: bool | None = None,
        countries: Sequence[str] = (),
    ) -> None:
        """
        Args:
            use_grammar: as the calibration says where None.
            countries: whose plates the grammar is of; see `grammar.for_alphabet`.

        Raises:
            FatalError: *use_grammar*, and the alphabet can write no plate; or a country that there is not.
        """
        self.alphabet, self.blank, self.calibration = alphabet, blank, calibration
        by_default = calibration is not None and calibration.with_grammar
        self._grammar = grammar.for_alphabet(self.characters, countries)
        if use_grammar and not self._grammar.patterns:
            raise FatalError("--grammar", "no plate can be written in this alphabet", "leave it out")
        self.uses_grammar = (
            by_default and bool(self._grammar.patterns) if use_grammar is None else use_grammar
        )

    @property
    def characters(self) -> frozenset[str]:
        """The alphabet without the blank."""
        return frozenset(c for i, c in enumerate(self.alphabet) if i != self.blank)

    @property
    def least_confidence(self) -> float:
        """Below it a text is no reading, where the user does not say otherwise."""
        return self.calibration.least if self.calibration else 0.0

    def accepts(self, text: str) -> bool:
        """Whether a plate may read so by the grammar."""
        return self._grammar.accepts(text)

    def decode(self, logits: NDArray[np.float32], width: float) -> decode.Decoded:
        """The text of logits [classes, steps].

        Args:
            logits: before softmax.
            width: of the plate in its frame, px; less than 94 makes a text less sure.
        """
        if self.uses_grammar:
            decoded = decode.with_grammar(logits, self.alphabet, self.blank, self._grammar)
        else:
            decoded = decode.greedy(logits, self.alphabet, self.blank)
        if self.calibration is None or not decoded.text:
            return decoded
        fits = self.accepts(decoded.text)
        sure = confidence(self.calibration, features(decoded, logits, fits, width))
        return decode.Decoded(decoded.text, sure, decoded.character_confidences)
