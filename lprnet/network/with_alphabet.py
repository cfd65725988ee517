"""A checkpoint for other characters."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lprnet.network.alphabet import Alphabet
from lprnet.network.checkpoint import Checkpoint
from lprnet.network.model import CONTAINER, LAYERS, LPRNet, Widths

HEAD, BIAS = f"{CONTAINER}.weight", f"{CONTAINER}.bias"


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
    shared = checkpoint.state[HEAD].shape[1] - (len(checkpoint.alphabet) if by_class else 0)
    old = checkpoint.alphabet.numbers
    pairs = [(i, old[c]) for c, i in alphabet.numbers.items() if c in old]
    # The blank keeps its weights even where it is written differently.
    pairs.append((alphabet.blank, checkpoint.alphabet.blank))
    into, source = (torch.tensor(side) for side in zip(*pairs, strict=True))
    for name, tensor in state.items():
        known = checkpoint.state[name]
        if name == HEAD:
            tensor *= 0.1  # a new class's first guesses do not drown what is known
            tensor[into, :shared] = known[source, :shared]
            if by_class:
                tensor[into[:, None], shared + into] = known[source[:, None], shared + source]
        elif name == BIAS or (by_class and LAYERS[-1].owns(name) and tensor.dim()):
            tensor[into] = known[source]
        else:
            tensor.copy_(known)
    return state
