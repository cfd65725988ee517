"""LPRNet's channels: who makes them, who reads them, and how they leave together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lprnet.network.model import CONTAINER, LAYERS, kept_channels

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Channels:
    """Channels of one map, by their number in a network.

    Attributes:
        read: those that the next layer reads.
        rest: those that only the container reads.
    """

    read: tuple[int, ...]
    rest: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.read) + len(self.rest)

    def without(self, gone: Iterable[int]) -> Channels:
        gone = set(gone)
        return Channels(
            tuple(c for c in self.read if c not in gone), tuple(c for c in self.rest if c not in gone)
        )

    @property
    def order(self) -> NDArray[np.int64]:
        """The channels in an order in which a pool keeps `read`."""
        order = np.empty(len(self), np.int64)
        places = np.zeros(len(self), bool)
        places[kept_channels(len(self), len(self.read))] = True
        order[places], order[~places] = self.read, self.rest
        return order


Selection = Mapping[str, Channels]
"""Channels by layer name."""


def all_channels(state: State) -> dict[str, Channels]:
    """Every channel there is."""
    channels = {}
    for layer, reader in pairwise((*LAYERS, None)):
        assert layer is not None
        numbers = range(len(state[f"{layer.conv}.weight"]))
        read = numbers
        if reader is not None:
            read = numbers[kept_channels(len(numbers), state[f"{reader.conv}.weight"].shape[1])]
        channels[layer.name] = Channels(tuple(read), tuple(c for c in numbers if c not in read))
    return channels


def cut(state: State, selection: Selection) -> dict[str, Tensor]:
    """The network of *state* with the channels of *selection* alone; at least one `read` in every map."""
    before, result = all_channels(state), dict(state)
    columns, start = [], 0
    for layer, reader in pairwise((*LAYERS, None)):
        assert layer is not None
        kept, old = selection[layer.name], before[layer.name]
        order = torch.from_numpy(kept.order)
        for name in state:
            if layer.owns(name) and state[name].dim():
                result[name] = result[name][order]
        if reader is not None:
            places = torch.tensor([old.read.index(c) for c in kept.read])
            result[f"{reader.conv}.weight"] = result[f"{reader.conv}.weight"][:, places]
        if layer.context:
            columns.append(start + order)
            start += len(old)
    head = f"{CONTAINER}.weight"
    result[head] = result[head][:, torch.cat(columns)]
    return result
