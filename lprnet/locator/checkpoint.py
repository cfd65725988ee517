"""The locator's weights on disk: safetensors, with what is known of their training in the header."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as dump_safetensors
from torch import Tensor

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from lprnet.locator.network import LocatorNet


def save_weights(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a `LocatorNet`'s *state* (BatchNorm not folded), whole or not at all.

    Raises:
        FatalError: *state* is no `LocatorNet`'s, or the file cannot be written.
    """
    _check(path, state)
    tensors = {name: t.detach().cpu().contiguous() for name, t in state.items()}
    write_atomic(path, dump_safetensors(tensors, dict(metadata)))


def load_weights(path: Path) -> LocatorNet:
    """The network with the weights in *path*, in evaluation mode.

    Raises:
        FatalError: the file is missing, truncated or not a locator's.
    """
    try:
        state = parse_safetensors(path.read_bytes())
    except OSError as error:
        raise FatalError(str(path), error.strerror or str(error), "give a locator's weights") from None
    except SafetensorError:
        raise FatalError(str(path), "truncated or not a safetensors file", "fetch the file again") from None
    _check(path, state)
    model = LocatorNet()
    model.load_state_dict(state)
    return model.eval()


def _check(path: Path, state: Mapping[str, Tensor]) -> None:
    expected = _shapes()
    for name, shape in expected.items():
        if name not in state or state[name].shape != shape:
            raise FatalError(str(path), f"{name} is missing or has another shape", "give a locator's weights")
        if not torch.isfinite(state[name]).all():
            raise FatalError(str(path), f"{name} is not finite", "train again or fetch the file again")
    if odd := state.keys() - expected.keys():
        raise FatalError(str(path), f"{min(odd)} is no parameter of it", "give a locator's weights")


@cache
def _shapes() -> dict[str, torch.Size]:
    """Of all parameters. Not on the device `meta`, whose first random number takes seconds of imports."""
    with torch.random.fork_rng(devices=[]):
        return {name: tensor.shape for name, tensor in LocatorNet().state_dict().items()}
