"""What a user can adjust about reading plates, every key checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from device_runtime.schema import Strict


class ReadSettings(Strict, frozen=True, kw_only=True):
    """What reads, and what counts as a reading.

    Attributes:
        bundle: its folder; the one beside or the installed one where None.
        require_signature: a public key that must have signed it, or a file of such keys; None: it need not be
            signed.
        threads: for the modules' parallel loops.
        crop: images, or the rectangle `roi`, are plates already.
        grammar: let the plate grammar have a say in the text; as the bundle says where None.
        countries: whose plates the grammar is of: names of shipped files, e.g. de, or paths of others; where
            there are none, those that the bundle's characters can write.
        looks: look at a plate again where its first reading is unsure.
        min_confidence: a text below is no reading; the bundle's own limit where None.
    """

    bundle: Path | None = None
    require_signature: str | None = None
    threads: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    crop: bool = False
    grammar: bool | None = None
    countries: tuple[str, ...] = ()
    looks: bool = True
    min_confidence: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] | None = None
