from __future__ import annotations

from pathlib import Path

import pytest
import torch

from device_runtime.bundle.manifest import read_manifest
from device_runtime.read.engine import Engine
from host.build import Request, build
from host.network.simplify import simplify
from host.paths import SAMPLES
from host.prune import price
from host.prune.channels import all_channels
from host.prune.prune import Plan, Pruned, prune
from host.quantize.calibration import read_samples
from host.targets.read import load_target
from lprnet.data.mixture import Batch, Mixture
from lprnet.network.alphabet import OWN
from lprnet.network.checkpoint import Checkpoint, load_checkpoint
from lprnet.network.model import LAYERS
from lprnet.training.loop import Run, train
from lprnet.training.settings import Budget, Settings
from tests.checkpoints import NARROW, random_checkpoint, written

OF_NATIVE = load_target("native")


@pytest.fixture(scope="module")
def pruned(shipped: Checkpoint, batches: list[Batch]) -> Pruned:
    network = simplify(shipped)
    prices = {"macs": price.macs(network), "size": price.parameters(network)}
    return prune(shipped, Plan(shares={"macs": 0.7, "size": 0.75}, prices=prices, rounds=2), batches)


def test_budget_is_kept(pruned: Pruned, shipped: Checkpoint) -> None:
    network, whole = simplify(pruned.checkpoint), simplify(shipped)
    assert network.macs <= 0.7 * whole.macs and network.parameters <= 0.75 * whole.parameters
    assert pruned.cut.after == {"macs": network.macs, "size": network.parameters}
    assert pruned.checkpoint.sha256 == shipped.sha256


def test_the_record_names_the_channels_of_the_first_network(pruned: Pruned, shipped: Checkpoint) -> None:
    names = {layer.name: layer for layer in LAYERS}
    for layer in pruned.cut.layers:
        original = shipped.state[f"{names[layer.name].conv}.bias"]
        left = pruned.checkpoint.state[f"{names[layer.name].conv}.bias"]
        kept = all_channels(pruned.checkpoint.state)[layer.name]
        for numbers, places in ((layer.read, kept.read), (layer.context_only, kept.rest)):
            assert sorted(left[list(places)].tolist()) == sorted(original[numbers].tolist())


def test_fine_tuning_gets_each_step(shipped: Checkpoint, tmp_path: Path, batches: list[Batch]) -> None:
    sizes = []

    def tune(step: int, checkpoint: Checkpoint) -> Checkpoint:
        sizes.append(simplify(checkpoint).macs)
        run = Run(
            folder=tmp_path / str(step),
            alphabet=shipped.alphabet,
            mixture=Mixture(6),
            budget=Budget(samples=16),
            settings=Settings(batch=8, workers=0, warmup=1),
            initial=checkpoint.state,
            teacher=shipped,
        )
        return train(run)

    prices = {"macs": price.macs(simplify(shipped))}
    result = prune(shipped, Plan(shares={"macs": 0.64}, prices=prices, rounds=2), batches[:1], tune)
    whole = simplify(shipped).macs
    assert whole * 0.64 < sizes[0] <= whole * 0.8 and sizes[1] <= whole * 0.64
    saved = load_checkpoint(tmp_path / "2" / "lprnet.safetensors")
    assert all(torch.equal(saved.state[n], t) for n, t in result.checkpoint.state.items())


@pytest.mark.slow
def test_pruned_network_builds(tmp_path: Path) -> None:
    """The bundle checks its own golden outputs against the reference in integers."""
    written(tmp_path / "narrow.safetensors", random_checkpoint(widths=NARROW))
    bundle = build(
        Request(
            target=OF_NATIVE,
            output=tmp_path / "bundle",
            checkpoint=tmp_path / "narrow.safetensors",
            precision="int8",
        )
    )
    engine = Engine.open(bundle)
    image = read_samples(SAMPLES, 1)
    network = simplify(load_checkpoint(tmp_path / "narrow.safetensors"))
    assert engine.infer(image).shape == (1, len(OWN), 18)
    assert read_manifest(bundle).macs == network.macs
