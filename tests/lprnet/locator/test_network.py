from pathlib import Path

import pytest
import torch

from device_runtime.errors import FatalError
from device_runtime.locate.decode import CHANNELS, VIEW_CHANNELS
from device_runtime.locate.geometry import AREA
from lprnet.locator.checkpoint import load_weights, save_weights
from lprnet.locator.network import (
    FIND,
    REFINE,
    ConvNet,
    Layers,
    LocatorNet,
    input_of,
    multiply_accumulates,
)

REFINEMENTS = 4
"""Views of a frame with one plate: the three best candidates, and the plate again."""


def test_they_keep_to_their_budget() -> None:
    total = multiply_accumulates(FIND, 320, AREA // 320) + REFINEMENTS * multiply_accumulates(REFINE, 64, 128)
    assert total <= 125e6
    assert sum(p.numel() for p in LocatorNet().parameters()) <= 350_000


@pytest.mark.parametrize(
    ("layers", "size", "expected"),
    [(FIND, (256, 320), (CHANNELS, 32, 40)), (REFINE, (64, 128), (VIEW_CHANNELS, 16, 32))],
)
def test_the_table_says_what_pytorch_computes(
    layers: Layers, size: tuple[int, int], expected: tuple[int, ...]
) -> None:
    """Counted by hooks: every convolution's output times its weights."""
    model, counted = ConvNet(layers).eval(), 0

    def count(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal counted
        assert isinstance(module, torch.nn.Conv2d)
        counted += output[0, 0].numel() * module.weight.numel()

    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    assert model(torch.zeros(1, 3, *size)).shape == (1, *expected)
    assert counted == multiply_accumulates(layers, *size)


@pytest.mark.parametrize("layers", [FIND, REFINE])
def test_a_table_is_in_an_order_in_which_it_can_be_computed(layers: Layers) -> None:
    channels = {"image": 3}
    for layer in layers:
        assert channels[layer.source] == layer.channels_in
        assert layer.add is None or channels[layer.add] == layer.channels
        channels[layer.name] = layer.channels
    assert len(channels) == len(layers) + 1


def test_input() -> None:
    x = input_of(torch.tensor([[[[0, 128, 255]]]], dtype=torch.uint8))
    assert x.shape == (1, 3, 1, 1)
    assert x.flatten().tolist() == pytest.approx([0, 2, 255 / 64])


def test_weights_come_back(tmp_path: Path) -> None:
    model = LocatorNet()
    save_weights(tmp_path / "a.safetensors", model.state_dict(), {"samples": "1"})
    again = load_weights(tmp_path / "a.safetensors")
    assert not again.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    path, state = tmp_path / "a.safetensors", LocatorNet().state_dict()
    with pytest.raises(FatalError, match="No such file"):
        load_weights(path)
    path.write_bytes(b"nothing of the sort")
    with pytest.raises(FatalError, match="not a safetensors"):
        load_weights(path)
    name = "refine.r1.conv.weight"
    with pytest.raises(FatalError, match="missing"):
        save_weights(path, {k: v for k, v in state.items() if k != name}, {})
    with pytest.raises(FatalError, match="no parameter"):
        save_weights(path, state | {"extra": torch.zeros(1)}, {})
    with pytest.raises(FatalError, match="not finite"):
        save_weights(path, state | {name: torch.full_like(state[name], torch.nan)}, {})
