"""How much each channel matters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from host.network.simplify import BATCH_NORM_EPSILON
from host.prune.allocate import Importance
from host.prune.channels import State
from host.prune.names import CRITERIA as NAMES
from lprnet.data.mixture import Batch
from lprnet.network.alphabet import Alphabet
from lprnet.network.checkpoint import Checkpoint
from lprnet.network.model import LAYERS, LPRNet
from lprnet.training.forward import forward
from lprnet.training.losses import ctc_loss

Criterion = Callable[[Checkpoint, Sequence[Batch]], Importance]

GATE_RATE = 0.05
GATE_PENALTY = 0.5
"""On a gate's magnitude, in units of the mean slope of the loss by a gate at the start."""


def l1(checkpoint: Checkpoint, batches: Sequence[Batch]) -> Importance:
    """Sum of the magnitudes of a channel's weights (Li et al., arXiv:1608.08710), over the layer's mean."""
    return _even({name: np.abs(rows).sum(1) for name, rows in _filters(checkpoint.state).items()})


def median(checkpoint: Checkpoint, batches: Sequence[Batch]) -> Importance:
    """Distance of a channel's weights to all others' in the layer, over its mean.

    Channels near the geometric median are replaceable by the others (He et al., arXiv:1811.00250).
    """
    distances = {}
    for name, rows in _filters(checkpoint.state).items():
        distances[name] = np.linalg.norm(rows[:, None] - rows[None], axis=2).sum(1)
    return _even(distances)


def taylor(checkpoint: Checkpoint, batches: Sequence[Batch]) -> Importance:
    """Squared change of the loss, to first order, if the channel were gone, averaged over batches.

    Molchanov et al., arXiv:1906.10771, with the gate behind the BatchNorm (their figure 1).
    """
    model = _training_model(checkpoint)
    total = {layer.name: np.zeros(len(checkpoint.state[layer.scales[1]])) for layer in LAYERS}
    for batch in batches:
        for name, gradient in _gate_gradients(model, checkpoint.alphabet, batch, checkpoint.state).items():
            total[name] += gradient.double().numpy() ** 2
    return {name: values / len(batches) for name, values in total.items()}


def gates(checkpoint: Checkpoint, batches: Sequence[Batch]) -> Importance:
    """Gates on the channels, trained from 1 on under an L1 penalty with all weights frozen; their squares.

    Liu et al., arXiv:1708.06519, penalize BatchNorm's scale; these gates are at the same place, and at the
    same place in the layers without BatchNorm.
    """
    model, state = _training_model(checkpoint), checkpoint.state
    gate = {layer.name: torch.ones(len(state[layer.scales[1]])) for layer in LAYERS}
    optimizer = torch.optim.Adam(gate.values(), GATE_RATE)
    penalty = 0.0
    for batch in batches:
        with torch.no_grad():
            for layer in LAYERS:
                for key in layer.scales:
                    _rows(model.get_parameter(key), state[key], gate[layer.name])
        gradients = _gate_gradients(model, checkpoint.alphabet, batch, state)
        penalty = penalty or GATE_PENALTY * float(torch.cat(list(gradients.values())).abs().mean())
        for name, value in gate.items():
            value.grad = gradients[name] + penalty * value.sign()
        optimizer.step()
        for value in gate.values():
            value.clamp_(min=0)
    return {name: value.double().numpy() ** 2 for name, value in gate.items()}


CRITERIA: dict[str, Criterion] = dict(zip(NAMES, (taylor, l1, median, gates), strict=True))


def _even(values: dict[str, NDArray[np.float64]]) -> Importance:
    """Magnitudes of different layers mean nothing beside each other; their shares of the mean may."""
    return {name: v / max(v.mean(), 1e-30) for name, v in values.items()}


def _filters(state: State) -> dict[str, NDArray[np.float64]]:
    """A row of weights for every channel, BatchNorm's scale included."""
    filters = {}
    for layer in LAYERS:
        rows = state[f"{layer.conv}.weight"].double().flatten(1)
        if layer.norm:
            scale = state[f"{layer.norm}.weight"].double()
            rows = rows * (scale / (state[f"{layer.norm}.running_var"] + BATCH_NORM_EPSILON).sqrt())[:, None]
        filters[layer.name] = rows.numpy()
    return filters


def _training_model(checkpoint: Checkpoint) -> LPRNet:
    model = checkpoint.model().train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def _gate_gradients(model: LPRNet, alphabet: Alphabet, batch: Batch, weights: State) -> dict[str, Tensor]:
    """Derivative of the loss by a factor on each channel that *weights* give: Σ weight · ∂loss/∂weight."""
    model.zero_grad()
    loss = ctc_loss(forward(model, torch.from_numpy(batch.images)), batch.texts, alphabet)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = {}
    for layer in LAYERS:
        parts = []
        for key in layer.scales:
            slope = model.get_parameter(key).grad
            assert slope is not None
            parts.append(
                (weights[key] * slope).flatten(1).sum(1) if slope.dim() > 1 else weights[key] * slope
            )
        gradients[layer.name] = parts[0] + parts[1]
    return gradients


def _rows(target: Tensor, rows: Tensor, factors: Tensor) -> None:
    target.copy_(rows * factors.reshape(-1, *[1] * (rows.dim() - 1)))
