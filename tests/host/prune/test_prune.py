from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from device_runtime.bundle.manifest import read_manifest
from device_runtime.errors import FatalError
from device_runtime.read.engine import Engine
from host.build import Request, build
from host.kernels.select import microkernel_for
from host.lower.tuned import Records, read_for
from host.network.graph import run
from host.network.simplify import simplify
from host.paths import SAMPLES
from host.prune import price
from host.prune.allocate import Limit, allocate
from host.prune.channels import Channels, all_channels, cut
from host.prune.criteria import CRITERIA
from host.prune.names import CRITERIA as NAMES
from host.prune.prune import Plan, Pruned, prune
from host.prune.recalibrate import recalibrate
from host.prune.unstructured import compressed_size, prune_weights, sparsity_of
from host.quantize.calibration import read_samples
from host.targets.read import load_target
from lprnet.data.mixture import Mixture
from lprnet.network.alphabet import OWN
from lprnet.network.checkpoint import Checkpoint, load_checkpoint
from lprnet.network.model import LAYERS, Widths
from lprnet.training.loop import Run, train
from lprnet.training.settings import Budget, Settings
from lprnet.weights import DEFAULT
from tests.checkpoints import NARROW, random_checkpoint, written

BATCHES = [Mixture(5).batch(i * 8, 8) for i in range(3)]
OF_VNNI = load_target("x86-64-vnni")
FAMILY = microkernel_for(OF_VNNI, "int8")
OF_NATIVE = load_target("native")


@pytest.fixture(scope="module")
def shipped() -> Checkpoint:
    return load_checkpoint(DEFAULT)


def _half(state: dict[str, torch.Tensor], seed: int) -> dict[str, Channels]:
    """A random half of the channels of every part of every map."""
    rng = np.random.default_rng(seed)

    def some(part: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(rng.permutation(part)[: len(part) // 2].tolist()))

    return {name: Channels(some(c.read), some(c.rest)) for name, c in all_channels(state).items()}


@pytest.mark.parametrize("widths", [None, NARROW])
def test_cutting_computes_what_silencing_computes(widths: Widths | None) -> None:
    """A channel of zeros adds nothing to what reads it; only the contexts' mean squares count it."""
    checkpoint = random_checkpoint(widths=widths)
    selection = _half(checkpoint.state, 1)
    silent = {name: t.clone() for name, t in checkpoint.state.items()}
    scale = []
    for layer in LAYERS:
        kept = selection[layer.name]
        count = len(all_channels(checkpoint.state)[layer.name])
        gone = [c for c in range(count) if c not in kept.read + kept.rest]
        for key in layer.scales:
            silent[key][gone] = 0
        if layer.context:
            scale += [len(kept) / count] * len(kept)
    small = replace(checkpoint, state=cut(checkpoint.state, selection))
    # Fewer channels raise the mean of the squares that each context is divided by.
    small.state["container.0.weight"] = small.state["container.0.weight"] / torch.tensor(scale)[:, None, None]
    image = torch.rand(2, 3, 24, 94) * 2 - 1
    with torch.no_grad():
        expected = replace(checkpoint, state=silent).model()(image)
        torch.testing.assert_close(small.model()(image), expected, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(run(simplify(small), image), expected, rtol=1e-3, atol=1e-3)


def test_everything_kept_changes_nothing() -> None:
    state = random_checkpoint(widths=NARROW).state
    same = cut(state, all_channels(state))
    assert all(torch.equal(same[name], t) for name, t in state.items())


def test_a_map_may_lose_all_channels_of_its_context(shipped: Checkpoint) -> None:
    selection = {n: Channels(c.read) for n, c in all_channels(shipped.state).items()}
    widths = Widths.of(cut(shipped.state, selection))
    assert (widths.block1[3], widths.pool2, widths.block3[3], widths.pool3) == (64, 64, 64, 64)


@pytest.mark.parametrize("widths", [Widths(), NARROW])
def test_prices_are_what_the_network_has(widths: Widths) -> None:
    whole = simplify(random_checkpoint())
    checkpoint = random_checkpoint(widths=widths)
    network, channels = simplify(checkpoint), all_channels(checkpoint.state)
    assert price.macs(whole).of(channels, len(OWN)) == network.macs
    assert price.parameters(whole).of(channels, len(OWN)) == network.parameters


def test_latency_is_the_records_and_counts_whole_vectors() -> None:
    whole = simplify(random_checkpoint())
    records = read_for(OF_VNNI)
    predicted = price.latency(whole, FAMILY, records)
    full = all_channels(random_checkpoint().state)
    assert predicted.unit.startswith("ns, ")
    last = {**full, "wide": full["wide"].without([255])}
    vector = {**full, "wide": full["wide"].without(range(240, 256))}
    costs = [predicted.of(s, len(OWN)) for s in (full, last, vector)]
    assert costs[0] == costs[1] > costs[2]


def test_latency_without_records_counts_vectors() -> None:
    whole = simplify(random_checkpoint())
    predicted = price.latency(whole, FAMILY, Records("none"))
    assert predicted.unit == "vector products"
    assert predicted.of(all_channels(random_checkpoint().state), len(OWN)) == pytest.approx(whole.macs)


@pytest.mark.parametrize("multiple", [1, 16])
def test_the_least_important_channels_go(multiple: int) -> None:
    state = random_checkpoint().state
    whole = all_channels(state)
    rng = np.random.default_rng(0)
    importance = {name: rng.random(len(c)) for name, c in whole.items()}
    macs = price.macs(simplify(random_checkpoint()))
    limit = Limit(macs, 0.9 * macs.of(whole, len(OWN)))
    left = allocate(whole, importance, [limit], len(OWN), multiple)
    assert macs.of(left, len(OWN)) <= limit.amount
    for name, channels in left.items():
        for part, before in ((channels.read, whole[name].read), (channels.rest, whole[name].rest)):
            gone = sorted(set(before) - set(part))
            assert len(part) % multiple == 0 or not gone
            if part and gone:
                assert importance[name][gone].max() < importance[name][list(part)].min()


def test_budget_that_cannot_be_kept() -> None:
    whole = all_channels(random_checkpoint().state)
    importance = {name: np.ones(len(c)) for name, c in whole.items()}
    macs = price.macs(simplify(random_checkpoint()))
    with pytest.raises(FatalError, match="no network is that small in MACs"):
        allocate(whole, importance, [Limit(macs, 1000)], len(OWN), 16)


@pytest.mark.parametrize("criterion", NAMES)
def test_criteria_find_a_useless_channel(criterion: str, shipped: Checkpoint) -> None:
    state = {name: t.clone() for name, t in shipped.state.items()}
    for key in ("backbone.16.weight", "backbone.16.bias", "backbone.17.weight", "backbone.17.bias"):
        state[key][7] *= 1e-4
    importance = CRITERIA[criterion](replace(shipped, state=state), BATCHES * 8)
    assert {name: len(v) for name, v in importance.items()} == {
        name: len(c) for name, c in all_channels(state).items()
    }
    # Far from all others is what the geometric median calls important.
    if criterion != "median":
        # Gates close some other channels, too.
        assert importance["wide"][7] == importance["wide"].min() < np.median(importance["wide"])
    assert all((v >= 0).all() and np.isfinite(v).all() for v in importance.values())


def test_geometric_median_finds_a_copy(shipped: Checkpoint) -> None:
    rows = shipped.state["backbone.16.weight"].flatten(1)
    middle = {name: t.clone() for name, t in shipped.state.items()}
    middle["backbone.16.weight"][3] = rows.mean(0).reshape(64, 1, 4)
    importance = CRITERIA["median"](replace(shipped, state=middle), [])
    assert np.argmin(importance["wide"]) == 3


def test_recalibrated_statistics_are_the_batches(shipped: Checkpoint) -> None:
    spoilt = {n: t * 3 if "running" in n else t for n, t in shipped.state.items()}
    first, second = (recalibrate(replace(shipped, state=s), BATCHES).state for s in (shipped.state, spoilt))
    for name in (n for n in first if "running" in n):
        torch.testing.assert_close(first[name], second[name])
    true = shipped.state["backbone.1.running_mean"]
    assert torch.cosine_similarity(first["backbone.1.running_mean"], true, 0) > 0.9


@pytest.fixture(scope="module")
def pruned(shipped: Checkpoint) -> Pruned:
    network = simplify(shipped)
    prices = {"macs": price.macs(network), "size": price.parameters(network)}
    return prune(shipped, Plan({"macs": 0.7, "size": 0.75}, prices, steps=2), BATCHES)


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


def test_fine_tuning_gets_each_step(shipped: Checkpoint, tmp_path: Path) -> None:
    sizes = []

    def tune(step: int, checkpoint: Checkpoint) -> Checkpoint:
        sizes.append(simplify(checkpoint).macs)
        run = Run(
            folder=tmp_path / str(step),
            alphabet=OWN,
            mixture=Mixture(6),
            budget=Budget(samples=16),
            settings=Settings(batch=8, workers=0, warmup=1),
            initial=checkpoint.state,
            teacher=shipped,
        )
        return train(run)

    prices = {"macs": price.macs(simplify(shipped))}
    result = prune(shipped, Plan({"macs": 0.64}, prices, steps=2), BATCHES[:1], tune)
    whole = simplify(shipped).macs
    assert whole * 0.64 < sizes[0] <= whole * 0.8 and sizes[1] <= whole * 0.64
    saved = load_checkpoint(tmp_path / "2" / "lprnet.safetensors")
    assert all(torch.equal(saved.state[n], t) for n, t in result.checkpoint.state.items())


def test_unstructured(shipped: Checkpoint) -> None:
    sizes = []
    for sparsity in (0.0, 0.5, 0.9):
        sparse = prune_weights(shipped, sparsity)
        assert sparsity_of(sparse.state) == pytest.approx(sparsity, abs=2e-3)
        sizes.append(compressed_size(sparse.state))
    assert all(small < 0.75 * large for large, small in pairwise(sizes))


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
