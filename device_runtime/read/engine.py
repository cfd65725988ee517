"""From an image to a plate, with one bundle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_runtime.bundle.golden import Golden, read_golden
from device_runtime.bundle.signature import PublicKey
from device_runtime.bundle.verify import Bundle, verify
from device_runtime.errors import FatalError
from device_runtime.model.abi import Model
from device_runtime.read.decode import Decoded
from device_runtime.read.decoder import Decoder, Read
from device_runtime.read.preprocess import prepare
from device_runtime.sources.image import Image, Rows, as_bgr
from device_runtime.timing import StageClock


@dataclass(frozen=True, eq=False, kw_only=True)
class Reading:
    """A plate as read.

    Attributes:
        plate: its text.
        confidence: that all of it is right, 0 to 1; the product of its characters' where the bundle has no
            calibration.
        character_confidences: each character's probability.
        logits: what it was decoded from, float32 [classes, steps].
        timings_ms: milliseconds in `preprocess`, `infer` and `decode`.
    """

    plate: str
    confidence: float
    character_confidences: tuple[float, ...]
    logits: NDArray[np.float32]
    timings_ms: dict[str, float]


def reading_of(read: Read, clock: StageClock) -> Reading:
    """What was *read*, and how long that took by *clock*."""
    return Reading(
        plate=read.decoded.text,
        confidence=read.decoded.confidence,
        character_confidences=read.decoded.character_confidences,
        logits=read.logits,
        timings_ms=clock.ms,
    )


class Engine:
    """A verified bundle, loaded; see `Engine.open`. Not for use by several threads at once.

    Attributes:
        bundle, manifest: what was loaded.
        input: the module's own input buffer, float32 [1, 3, height, width]: writing there saves a copy.
        golden_difference: what `check_golden` found last.
    """

    def __init__(
        self,
        bundle: Bundle,
        model: Model,
        use_grammar: bool | None = None,
        countries: tuple[str, ...] = (),
        looks: bool = True,
    ) -> None:
        self.bundle = bundle
        self.manifest = bundle.manifest
        self._model = model
        self.input = model.input
        self.golden_difference = 0.0
        info = self.manifest
        self._decoder = Decoder(info.alphabet, info.blank, info.confidence, use_grammar, countries, looks)

    @classmethod
    def open(
        cls,
        bundle_dir: Path | str,
        threads: int = 1,
        use_grammar: bool | None = None,
        keys: tuple[PublicKey, ...] = (),
        countries: tuple[str, ...] = (),
        looks: bool = True,
    ) -> Engine:
        """Verify the bundle against this board, load it and check it on its golden inputs.

        Args:
            bundle_dir: the bundle's folder.
            threads: for the module's parallel loops, in the whole process.
            use_grammar: let the plate grammar have a say in the text; as the bundle says where None.
            keys: one of them must have signed the bundle; none: it need not be signed.
            countries: whose plates the grammar is of; see `grammar.for_alphabet`.
            looks: look at a plate again where its first reading is unsure.

        Raises:
            FatalError: the bundle is not signed so, not whole, not for this board, or computes something else
                here.
        """
        bundle = verify(Path(bundle_dir), keys=keys)
        info = bundle.manifest
        model = Model(
            bundle.module,
            bundle.path,
            input_shape=info.input.shape,
            output_shape=info.output.shape,
            threads=threads,
            opened=bundle.opened,
        )
        engine = cls(bundle, model, use_grammar, countries, looks)
        engine.check_golden()
        return engine

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits float32 [1, classes, steps] of an input float32 [1, 3, height, width].

        The result is overwritten by the next call.
        """
        return self._model.run(tensor)

    def logits(self, image: NDArray) -> NDArray[np.float32]:
        """Logits float32 [1, classes, steps] of a BGR image; overwritten by the next call."""
        prepare(image, self.input, self.manifest.preprocess)
        return self._model.run()

    def read(
        self,
        image: NDArray,
        width: float | None = None,
        below: NDArray | None = None,
        further: Iterable[Rows] = (),
        doubted: bool = False,
    ) -> Reading:
        """Read the plate that fills *image*, BGR uint8 [H, W, 3].

        Args:
            image: of the plate.
            width: of the plate in the picture that *image* was cut from, px; that of *image* if None.
            below: the second row, where *image* is the first one alone.
            further, doubted: views of the plate for where that leaves doubt, and whether it does; see
                `Decoder.read`.

        Raises:
            FatalError: *image* has no pixels or is of a kind `preprocess.as_bgr` refuses.
        """
        clock = StageClock()

        def infer(seen: Image) -> NDArray[np.float32]:
            prepare(seen, self.input, self.manifest.preprocess)
            clock.lap("preprocess")
            logits = self._model.run()[0]
            clock.lap("infer")
            return logits

        whole, rest = as_bgr(image), None if below is None else as_bgr(below)
        wide = whole.shape[1] if width is None else width
        read = self._decoder.read(whole, wide, infer, clock, rest, further, doubted)
        return reading_of(read, clock)

    def decode(self, logits: NDArray[np.float32]) -> Decoded:
        """The text of logits [classes, steps] of a plate as wide as the input."""
        return self._decoder.decode(logits, self.manifest.preprocess.width)

    @property
    def characters(self) -> frozenset[str]:
        """What a plate may have on it, as far as this bundle can read."""
        return self._decoder.characters

    @property
    def least_confidence(self) -> float:
        """Below it a text is no reading, where the user does not say otherwise."""
        return self._decoder.least_confidence

    @property
    def looks(self) -> bool:
        """Whether a plate is looked at again where its first reading is unsure."""
        return self._decoder.looks

    @property
    def uses_grammar(self) -> bool:
        """Whether the plate grammar chooses among the likely texts."""
        return self._decoder.uses_grammar

    def golden(self) -> Golden:
        """The bundle's golden inputs and outputs.

        Raises:
            FatalError: they cannot be read.
        """
        return read_golden(self.bundle.path, self.manifest)

    def check_golden(self) -> float:
        """Run the golden inputs.

        Returns:
            The largest absolute difference of a logit from the host's.

        Raises:
            FatalError: it is beyond the manifest's tolerance, or not a number.
        """
        golden = self.golden()
        worst = 0.0
        for image, expected in zip(golden.images, golden.logits, strict=True):
            difference = float(np.abs(self.logits(image)[0] - expected).max())
            # A comparison with NaN is false, so that NaN fails too.
            if not difference <= self.manifest.golden.atol:
                raise FatalError(
                    f"bundle for target {self.manifest.target.name}",
                    f"golden outputs are off by {difference:.3g}, more than {self.manifest.golden.atol:.3g}",
                    f"run 'make target={self.manifest.target.name} build' on the host and copy that",
                )
            worst = max(worst, difference)
        self.golden_difference = worst
        return worst
