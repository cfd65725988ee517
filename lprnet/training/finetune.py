"""Fine-tuning: another start, another alphabet, one's own plates."""

from __future__ import annotations

from lprnet.network.alphabet import Alphabet
from lprnet.plates.kinds import characters_of


def can_render(alphabet: Alphabet, kind: str | None = None) -> bool:
    """Whether every rendered plate of *kind* (see `render`) can be written in *alphabet*."""
    return not alphabet.unknown("".join(characters_of(kind)))
