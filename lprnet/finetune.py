"""Fine-tuning: another start, another alphabet, one's own plates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from device_runtime.errors import FatalError
from lprnet.alphabet import Alphabet
from lprnet.checkpoint import Checkpoint
from lprnet.dataset import Labelled
from lprnet.model import LPRNet, Widths
from lprnet.plates.kinds import characters_of


@dataclass(frozen=True)
class Split:
    """Images to train on and images held out to measure."""

    train: list[Labelled]
    held_out: list[Labelled]


def split(items: list[Labelled], share: float) -> Split:
    """Hold out *share* of *items*, evenly over the list, so that the split stays the same from run to run.

    Raises:
        FatalError: nothing would be left to train on.
    """
    held_out = [item for i, item in enumerate(items) if int((i + 1) * share) > int(i * share)]
    train = [item for i, item in enumerate(items) if int((i + 1) * share) == int(i * share)]
    if not train:
        raise FatalError("training images", "none left", "lower --held-out or add images")
    return Split(train, held_out)


def with_alphabet(checkpoint: Checkpoint, alphabet: Alphabet, seed: int = 0) -> dict[str, Tensor]:
    """Weights for *alphabet*: classes that *checkpoint* knows keep theirs, new ones start at random."""
    if alphabet == checkpoint.alphabet:
        return {name: t.clone() for name, t in checkpoint.state.items()}
    torch.manual_seed(seed)
    widths = Widths.of(checkpoint.state)
    # As published the last map has a channel for every class; a pruned network's channels have no meaning.
    by_class = widths.tall == len(checkpoint.alphabet)
    if by_class:
        widths = replace(widths, tall=None)
    state = LPRNet(len(alphabet), widths=widths).state_dict()
    shared = checkpoint.state["container.0.weight"].shape[1] - (len(checkpoint.alphabet) if by_class else 0)
    old = {c: i for i, c in enumerate(checkpoint.alphabet.characters[:-1])}
    pairs = [(i, old[c]) for i, c in enumerate(alphabet.characters[:-1]) if c in old]
    # The blank keeps its weights even where it is written differently.
    pairs.append((alphabet.blank, checkpoint.alphabet.blank))
    into, source = (torch.tensor(side) for side in zip(*pairs, strict=True))
    for name, tensor in state.items():
        known = checkpoint.state[name]
        if name == "container.0.weight":
            tensor *= 0.1  # a new class's first guesses do not drown what is known
            tensor[into, :shared] = known[source, :shared]
            if by_class:
                tensor[into[:, None], shared + into] = known[source[:, None], shared + source]
        elif tensor.shape == known.shape:
            tensor.copy_(known)
        else:
            tensor[into] = known[source]
    return state


def can_render(alphabet: Alphabet, kind: str | None = None) -> bool:
    """Whether every rendered plate of *kind* (see `render`) can be written in *alphabet*."""
    return not alphabet.unknown("".join(characters_of(kind)))
