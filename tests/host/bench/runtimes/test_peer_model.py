from __future__ import annotations

from pathlib import Path

import torch

from host.bench.runtimes.peer_model import peer_model
from lprnet.network.checkpoint import load_checkpoint
from lprnet.network.model import ChannelStridePool


def test_peer_model_has_no_strided_channel_slice(weights: Path) -> None:
    model, image = peer_model(weights), torch.rand(2, 3, 24, 94) * 2 - 1
    kept = [layer.kept for layer in model.modules() if isinstance(layer, ChannelStridePool)]
    assert kept == [64]  # the first pool, which keeps all
    with torch.inference_mode():
        expected = load_checkpoint(weights).model()(image)
        torch.testing.assert_close(model(image), expected, rtol=1e-4, atol=1e-4)
