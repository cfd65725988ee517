"""From logits to a text and how sure it is, with all that a bundle or a checkpoint says about that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from device_runtime.bundle.manifest import ConfidenceInfo
from device_runtime.errors import FatalError
from device_runtime.read import grammar
from device_runtime.read.confidence import FEWEST, Features, confidence, features
from device_runtime.read.decode import Decoded, beam, greedy, with_grammar
from device_runtime.read.looks import INPUT, LOOKS, SURE, Logits, Look, agreed, closer, runners_up, seen
from device_runtime.sources.image import Image, Rows
from device_runtime.timing import StageClock

_NEVER = -40.0
"""Logit of what is not between two rows."""
Labels = tuple[int, ...]
"""Classes of a text's characters."""


@dataclass(frozen=True, eq=False)
class Read:
    """A plate as read.

    Attributes:
        decoded: the text, and how sure it is.
        logits: float32[classes,steps] of the look that shows it best.
        features: what its confidence is made of (`read.confidence.features`).
    """

    decoded: Decoded
    logits: Logits
    features: Features


class Decoder:
    """Texts of one alphabet.

    Attributes:
        alphabet: the classes' characters.
        blank: index of the class that means no character.
        calibration: what a confidence is made of; the product of the characters' where None.
        uses_grammar: whether the plate grammar chooses among the likely texts.
        looks: whether a plate is looked at again where its first reading is unsure.
    """

    def __init__(
        self,
        alphabet: Sequence[str],
        blank: int,
        calibration: ConfidenceInfo | None = None,
        use_grammar: bool | None = None,
        countries: Sequence[str] = (),
        looks: bool = True,
    ) -> None:
        """
        Args:
            use_grammar: as the calibration says where None.
            countries: whose plates the grammar is of; see `grammar.for_alphabet`.
            looks: look at a plate again where its first reading is unsure.

        Raises:
            FatalError: *use_grammar*, and the alphabet can write no plate; or a country that there is not.
        """
        self.alphabet, self.blank, self.calibration = alphabet, blank, calibration
        self.looks = looks
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

    def decode(self, logits: NDArray[np.float32], width: float) -> Decoded:
        """The text of logits [classes, steps], of one look.

        Args:
            logits: before softmax.
            width: of the plate in its frame, px; less than 94 makes a text less sure.
        """
        return self._judged(self._text(logits), logits, width).decoded

    def read(
        self,
        image: Image,
        width: float,
        infer: Callable[[Image], Logits],
        clock: StageClock | None = None,
        below: Image | None = None,
        further: Iterable[Rows] = (),
        doubted: bool = False,
    ) -> Read:
        """The text of the plate that fills *image*, after one look or, if that leaves doubt, several.

        An image finer than the network's input has more to see, and several looks have to agree on it: one
        merges equal characters unnoticed where others do not.

        Args:
            image: uint8[H,W,3].
            below: the second row, where *image* is the first one alone; its steps follow those of the first.
            width: as for `decode`.
            infer: image → logits [classes, steps], which it may overwrite when it is called again.
            clock: is told of the time in `decode`; that in *infer* is for that to tell.
            further: other views of the plate, and None or its second row; looked at, and so made, only where
                those looks leave doubt.
            doubted: take *image* and all that is *further* together, however sure one look is.
        """
        clock = clock or StageClock()

        def see(view: Rows, look: Look | None = None) -> Logits:
            rows = [infer(seen(row, look) if look else row).copy() for row in view if row is not None]
            if len(rows) == 1:
                return rows[0]
            # A character that ends one row and begins the next is two.
            between = np.full((len(self.alphabet), 1), _NEVER, np.float32)
            between[self.blank] = 0
            return np.concatenate([rows[0], between, rows[1]], axis=1)

        def near(view: Rows, logits: Logits) -> list[Logits]:
            part = closer(view[0], logits, self.blank) if view[1] is None else None
            return [] if part is None else [see((part, None))]

        logits = see((image, below))
        text = greedy(logits, self.alphabet, self.blank)
        unsure = doubted or text.confidence < SURE
        looks = [logits]
        if self.looks and text.text and (unsure or image.shape[1] > INPUT):
            clock.lap("decode")
            looks += [*(see((image, below), look) for look in LOOKS), *near((image, below), logits)]
            if not unsure:
                doubted = any(map(partial(self._differs, text), looks[1:]))
        if len(looks) > 1 and (unsure or doubted):
            by_beam = cache(partial(self._likely, logits))
            text, at = self._agreed(looks, by_beam)
            if doubted or text.confidence < SURE:
                few = len(looks)
                for view in further:
                    looks.append(see(view))
                    looks += near(view, looks[-1])
                if len(looks) > few:
                    others = [other for one in looks for other in runners_up(one, self.blank)]
                    text, at = self._agreed(looks, by_beam, others)
            logits = looks[at]
        elif not self._may_be(text):
            text = self._text(logits)
        read = self._judged(text, logits, width)
        clock.lap("decode")
        return read

    def _differs(self, text: Decoded, look: Logits) -> bool:
        return greedy(look, self.alphabet, self.blank).labels != text.labels

    def _agreed(
        self, looks: Sequence[Logits], by_beam: Callable[[], list[Labels]], others: Sequence[Labels] = ()
    ) -> tuple[Decoded, int]:
        """The text that *looks* make likeliest, and which of them shows it best.

        Args:
            by_beam: texts of the first look by a beam, asked for where the grammar may prefer one of them.
            others: texts that there may be besides.
        """
        readings = [greedy(one, self.alphabet, self.blank) for one in looks]
        texts = [*(reading.labels for reading in readings), *others]
        rules = self._grammar if self.uses_grammar else None
        if rules is not None and (rules.shares or not any(map(self._may_be, readings))):
            # A beam takes longer than all else.
            texts += by_beam()
        return agreed(looks, texts, self.alphabet, self.blank, rules)

    def _likely(self, logits: Logits) -> list[Labels]:
        """Texts of a look, by a beam."""
        return [candidate.labels for candidate in beam(logits, self.blank)]

    def _may_be(self, text: Decoded) -> bool:
        """Whether the grammar, where it has a say, has nothing against *text*."""
        return not self.uses_grammar or self._grammar.accepts(text.text)

    def _text(self, logits: Logits) -> Decoded:
        if self.uses_grammar:
            return with_grammar(logits, self.alphabet, self.blank, self._grammar)
        return greedy(logits, self.alphabet, self.blank)

    def _judged(self, text: Decoded, logits: Logits, width: float) -> Read:
        values = features(text, logits, self._grammar.accepts(text.text), width)
        if self.calibration is not None and text.text:
            sure = confidence(self.calibration, values) if len(text.labels) >= FEWEST else 0.0
            text = Decoded(text.text, sure, text.character_confidences, text.labels)
        return Read(text, logits, values)
