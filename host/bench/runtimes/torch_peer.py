"""PyTorch, eager."""

from __future__ import annotations

from pathlib import Path

import torch

from host.bench.runtimes import ModelSource
from host.bench.runtimes.infer import Float, Infer
from lprnet.threads import one_operator_at_a_time

FILE = "model.pt"


def convert(source: ModelSource, precision: str, folder: Path) -> None:
    from host.bench.runtimes.peer_model import peer_model

    torch.save(peer_model(source.checkpoint).state_dict(), folder / FILE)


def load(folder: Path, precision: str, threads: int) -> Infer:
    from host.bench.runtimes.peer_model import with_weights

    one_operator_at_a_time(threads)
    model = with_weights(torch.load(folder / FILE, weights_only=True))

    def run(tensor: Float) -> Float:
        with torch.inference_mode():
            return model(torch.from_numpy(tensor)).numpy()

    return run
